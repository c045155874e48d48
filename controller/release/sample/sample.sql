The change files that `rollcall init` writes. They run as they stand on PostgreSQL, MariaDB and SQLite, and Liquibase itself applies them to the same schema.

--: sample_tables_sql
--liquibase formatted sql

--changeset sample:customers
--comment Who buys
CREATE TABLE customers (
    id INTEGER NOT NULL PRIMARY KEY,
    name VARCHAR(200) NOT NULL
);
--rollback DROP TABLE customers;

--changeset sample:orders
--comment What they bought
CREATE TABLE orders (
    id INTEGER NOT NULL PRIMARY KEY,
    customer_id INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    CONSTRAINT orders_customer FOREIGN KEY (customer_id) REFERENCES customers (id)
);
--rollback DROP TABLE orders;

--: sample_rows_sql
--liquibase formatted sql

--changeset sample:first-customers labels:seed
--preconditions onFail:MARK_RAN
--precondition-sql-check expectedResult:0 SELECT count(*) FROM customers
--validate-after name:three-customers expectedResult:3 SELECT count(*) FROM customers
INSERT INTO customers (id, name) VALUES (1, 'Ada'), (2, 'Grace'), (3, 'Barbara');
INSERT INTO orders (id, customer_id, amount) VALUES (1, 1, 120), (2, 1, 80), (3, 3, 40);
/* liquibase rollback
DELETE FROM orders WHERE id IN (1, 2, 3);
DELETE FROM customers WHERE id IN (1, 2, 3);
*/

--: sample_note_sql
--liquibase formatted sql

--changeset sample:orders-note labels:orders
--comment A note on each order; no row may be lost, none may be without one
--validate-before name:rows-kept SELECT count(*) FROM orders
--validate-after name:rows-kept same-as-before SELECT count(*) FROM orders
--validate-after name:no-null expectedResult:0 SELECT count(*) FROM orders WHERE note IS NULL
ALTER TABLE orders ADD COLUMN note VARCHAR(500) NOT NULL DEFAULT '';
--rollback ALTER TABLE orders DROP COLUMN note;

--changeset sample:orders-amount-index dbms:!mariadb
CREATE INDEX orders_amount ON orders (amount);
--rollback DROP INDEX orders_amount;

--changeset sample:orders-amount-index-mariadb dbms:mariadb
CREATE INDEX orders_amount ON orders (amount);
--rollback DROP INDEX orders_amount ON orders;

--changeset sample:customer-totals
CREATE VIEW customer_totals AS
SELECT customers.id, customers.name, SUM(orders.amount) AS total
FROM customers JOIN orders ON orders.customer_id = customers.id
GROUP BY customers.id, customers.name;
--rollback DROP VIEW customer_totals;

--: sample_cents_sql
--liquibase formatted sql

--changeset sample:orders-cents
ALTER TABLE orders ADD COLUMN cents INTEGER;
--rollback ALTER TABLE orders DROP COLUMN cents;

--changeset sample:orders-cents-filled batch:1000 pause:20ms
--comment Filled in a thousand rows at a time, a transaction each; it says which rows are left, so that it can go on anywhere
--validate-after name:none-left expectedResult:0 SELECT count(*) FROM orders WHERE cents IS NULL
UPDATE orders SET cents = amount * 100 WHERE cents IS NULL;
--rollback empty
