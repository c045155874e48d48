CREATE TABLE account (id int PRIMARY KEY, balance numeric, changed timestamptz);
CREATE TABLE audit (what text);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $fn$
BEGIN
	IF TG_OP = 'UPDATE' AND NEW.balance IS DISTINCT FROM OLD.balance THEN
		INSERT INTO audit VALUES (format('%s; %s', OLD.balance, NEW.balance));
	END IF;
	RETURN NEW;
END;
$fn$;
CREATE TRIGGER account_touch BEFORE INSERT OR UPDATE ON account FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER late AFTER UPDATE ON account REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION touch();
CREATE RULE no_delete AS ON DELETE TO account DO INSTEAD (INSERT INTO audit VALUES ('kept;'); UPDATE account SET balance = 0 WHERE id = OLD.id);
INSERT INTO account VALUES (1, 10), (2, 20);
UPDATE account SET balance = balance + 1;
DELETE FROM account WHERE id = 2;
