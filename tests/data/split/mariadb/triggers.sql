CREATE TABLE account (id int PRIMARY KEY, balance decimal(10,2));
CREATE TABLE audit (what varchar(100)) COMMENT 'semi;colon';
CREATE TRIGGER one_statement BEFORE INSERT ON account FOR EACH ROW SET NEW.balance = COALESCE(NEW.balance, 0);
DELIMITER $$
CREATE TRIGGER account_audit AFTER UPDATE ON account FOR EACH ROW
BEGIN
	IF NEW.balance <> OLD.balance THEN
		INSERT INTO audit VALUES (CONCAT(OLD.balance, '; ', NEW.balance));
	END IF;
END$$
CREATE TRIGGER follows AFTER UPDATE ON account FOR EACH ROW FOLLOWS account_audit BEGIN DECLARE x int; SET x = 1; END $$
DELIMITER ;
CREATE EVENT tidy ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00' DISABLE DO DELETE FROM audit WHERE what = 'a;b';
INSERT INTO account VALUES (1, NULL), (2, 5);
UPDATE account SET balance = balance + 1;
