-- A schema with one of everything that a snapshot tells.
CREATE TABLE customers (id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, email varchar(100) CHARACTER SET latin1 NOT NULL COMMENT 'it''s
two lines', status enum('new','o,ld') DEFAULT 'new', amount decimal(10,2) DEFAULT 1.5, twice decimal(12,2) GENERATED ALWAYS AS (amount*2) STORED, at timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp(), doc longtext CHECK (json_valid(doc)), `we``ird,name` int, UNIQUE KEY email_u (email), KEY by_status (status, amount DESC), FULLTEXT KEY ft (doc), CONSTRAINT pos CHECK (amount >= 0)) ENGINE=InnoDB AUTO_INCREMENT=17 COMMENT='AUTO_INCREMENT=5 cust';
CREATE TABLE orders (id int PRIMARY KEY, customer bigint unsigned, at date NOT NULL, CONSTRAINT fk FOREIGN KEY (customer) REFERENCES customers (id) ON DELETE CASCADE) DEFAULT CHARSET=latin1;
CREATE TABLE parted (id int NOT NULL, y int NOT NULL, PRIMARY KEY (id, y)) PARTITION BY RANGE (y) (PARTITION p0 VALUES LESS THAN (2020), PARTITION p1 VALUES LESS THAN MAXVALUE);
CREATE TABLE texts (a varchar(20) DEFAULT 'x
  y', b varchar(20) CHECK (b <> 'two
lines,'), c int COMMENT 'ends in a comma,',
	FOREIGN KEY (c) REFERENCES orders (id));
CREATE TABLE versioned (a int) WITH SYSTEM VERSIONING;
ALTER TABLE orders ADD INDEX at_i (at); ALTER TABLE orders ALTER INDEX at_i IGNORED;
CREATE VIEW v AS SELECT o.id, c.email FROM orders o JOIN customers c ON c.id = o.customer WHERE c.status IN ('new','o,ld');
CREATE VIEW v2 AS SELECT * FROM v;
CREATE SEQUENCE s START 7 INCREMENT 3 CACHE 5;
CREATE TRIGGER tr BEFORE INSERT ON orders FOR EACH ROW SET NEW.at = COALESCE(NEW.at, CURDATE());
DELIMITER //
CREATE PROCEDURE p(IN a int, OUT b varchar(10)) READS SQL DATA COMMENT 'c' BEGIN
  SELECT a; -- x
  SET b = 'y';
END//
CREATE FUNCTION f(a int) RETURNS int DETERMINISTIC RETURN a + 1//
CREATE EVENT ev ON SCHEDULE EVERY 1 DAY STARTS '2020-01-01 00:00:00' DISABLE DO DELETE FROM orders//
DELIMITER ;
INSERT INTO orders VALUES (1, NULL, '2020-01-01');
