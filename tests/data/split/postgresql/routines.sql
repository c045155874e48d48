-- Routine bodies in every kind of quote that people use.
CREATE TABLE log (id serial PRIMARY KEY, what text);
CREATE FUNCTION plain() RETURNS int LANGUAGE sql AS 'SELECT 1; SELECT 2';
CREATE FUNCTION doubled(a text) RETURNS text LANGUAGE sql AS 'SELECT ''it''''s; '' || a';
CREATE OR REPLACE FUNCTION dollars(n int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	r record;
	total int := 0;
BEGIN
	IF n > 10 THEN
		RAISE NOTICE 'large; really';
	ELSIF n < 0 THEN
		RETURN -1;
	END IF;
	FOR r IN SELECT generate_series(1, n) AS i LOOP
		total := total + r.i; -- a comment; with a semicolon
		CASE WHEN total > 100 THEN EXIT; ELSE NULL; END CASE;
	END LOOP;
	/* a block; 'with quotes' and more */
	RETURN total;
EXCEPTION WHEN OTHERS THEN
	RETURN NULL;
END;
$$;
CREATE FUNCTION nested() RETURNS text LANGUAGE plpgsql AS $outer$
BEGIN
	EXECUTE $q$ INSERT INTO log (what) VALUES ('from $$ inside; still inside') $q$;
	RETURN $$a;b$$;
END
$outer$ STABLE;
CREATE FUNCTION "Quoted;Name"("arg;1" int) RETURNS int LANGUAGE sql IMMUTABLE AS $body$ SELECT $1; $body$;
CREATE PROCEDURE proc(INOUT a int) LANGUAGE plpgsql AS $tag_1$ BEGIN a := a + 1; END $tag_1$;
CALL proc(1);
SELECT dollars(4), "Quoted;Name"(1), doubled('x;y');
INSERT INTO log (what) VALUES ('a;b'), (E'it\'s; \\'), ($$dollar;'$$), (U&'d\0061t\+000061;');
