--liquibase formatted sql
--changeset bench:customer
CREATE TABLE customer (id bigint AUTO_INCREMENT PRIMARY KEY, name varchar(100) NOT NULL) ENGINE=InnoDB;
CREATE TABLE orders (id bigint AUTO_INCREMENT PRIMARY KEY, customer_id bigint NOT NULL, total decimal(12, 2) NOT NULL, KEY orders_customer (customer_id), CONSTRAINT orders_fk FOREIGN KEY (customer_id) REFERENCES customer (id)) ENGINE=InnoDB;
--rollback DROP TABLE orders;
--rollback DROP TABLE customer;

--changeset bench:orders-note
ALTER TABLE orders ADD COLUMN note text;
--rollback ALTER TABLE orders DROP COLUMN note;

--changeset bench:orders-total-index
CREATE INDEX orders_total ON orders (total);
--rollback DROP INDEX orders_total ON orders;

--changeset bench:customers
INSERT INTO customer (name) SELECT concat('customer ', seq) FROM seq_1_to_100;
--rollback DELETE FROM customer;

--changeset bench:order-view
CREATE VIEW order_overview AS SELECT o.id, c.name, o.total FROM orders o JOIN customer c ON c.id = o.customer_id;
--rollback DROP VIEW order_overview;
