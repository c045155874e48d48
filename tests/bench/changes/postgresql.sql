--liquibase formatted sql
--changeset bench:orders
CREATE TABLE customer (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);
CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer_id bigint NOT NULL REFERENCES customer (id), total numeric(12, 2) NOT NULL);
CREATE INDEX orders_customer ON orders (customer_id);
--rollback DROP TABLE orders; DROP TABLE customer;

--changeset bench:orders-note
ALTER TABLE orders ADD COLUMN note text;
--rollback ALTER TABLE orders DROP COLUMN note;

--changeset bench:orders-total-index
CREATE INDEX orders_total ON orders (total);
--rollback DROP INDEX orders_total;

--changeset bench:customers
INSERT INTO customer (name) SELECT 'customer ' || n FROM generate_series(1, 100) AS n;
--rollback DELETE FROM customer;

--changeset bench:order-view
CREATE VIEW order_overview AS SELECT o.id, c.name, o.total FROM orders o JOIN customer c ON c.id = o.customer_id;
--rollback DROP VIEW order_overview;
