-- A schema with one of everything that a snapshot tells.
CREATE TABLE customers (id INTEGER PRIMARY KEY AUTOINCREMENT, email TEXT NOT NULL UNIQUE COLLATE NOCASE, -- who
	status TEXT DEFAULT 'new,(old)' CHECK (status IN ('new,(old)', 'old')), "odd, name" INT);
CREATE TABLE orders (id INT, customer INT REFERENCES customers (id) ON DELETE CASCADE, amount NUMERIC(10, 2), twice GENERATED ALWAYS AS (amount * 2) STORED,
	CONSTRAINT orders_pk PRIMARY KEY (id), FOREIGN KEY (customer) REFERENCES customers) WITHOUT ROWID;
ALTER TABLE orders ADD COLUMN note TEXT;
ALTER TABLE orders RENAME COLUMN note TO remark;
CREATE TABLE strict_one (a ANY, b INT) STRICT;
CREATE TABLE made AS SELECT 1 AS x, 'y' AS y;
CREATE INDEX orders_amount ON orders (amount DESC, lower(remark)) WHERE amount > 0;
CREATE VIEW v AS SELECT o.id, c.email FROM orders o JOIN customers c ON c.id = o.customer;
CREATE TRIGGER tr AFTER INSERT ON orders WHEN NEW.amount > 10 BEGIN
	UPDATE customers SET status = 'old; really' WHERE id = NEW.customer; -- why
END;
CREATE VIRTUAL TABLE words USING fts5 (body);
INSERT INTO customers (email) VALUES ('a');
