CREATE TABLE account (id INTEGER PRIMARY KEY, balance, "end" TEXT, [odd;name] TEXT, `b;t` TEXT);
CREATE TABLE audit (what TEXT);
CREATE TRIGGER touch AFTER UPDATE OF balance ON account WHEN NEW.balance <> OLD.balance
BEGIN
	INSERT INTO audit VALUES (OLD.balance || '; ' || NEW.balance);
	INSERT INTO audit SELECT CASE WHEN NEW.balance > 1 THEN 'end' ELSE CASE 1 WHEN 1 THEN 'x' END END;
	DELETE FROM audit WHERE what = 'never; -- not a comment';
END;
INSERT INTO account (balance) VALUES (1), (2);
UPDATE account SET balance = balance + 1;
CREATE VIEW v AS SELECT id, CASE WHEN balance > 1 THEN 'rich' END AS "case" FROM account;
CREATE TRIGGER "begin;" INSTEAD OF INSERT ON v BEGIN INSERT INTO audit VALUES ('instead'); SELECT 1; END;
INSERT INTO v VALUES (1, 'x');
