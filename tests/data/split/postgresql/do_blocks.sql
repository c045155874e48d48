DO $$ BEGIN CREATE TABLE made (a int); END $$;
DO LANGUAGE plpgsql $do$
DECLARE name text;
BEGIN
	FOREACH name IN ARRAY ARRAY['x;1', 'y"2', 'z''3'] LOOP
		EXECUTE format('CREATE TABLE %I (a int DEFAULT 0)', name);
		EXECUTE format($f$COMMENT ON TABLE %I IS 'semi;colon'$f$, name);
	END LOOP;
END;
$do$;
DO 'BEGIN INSERT INTO made VALUES (1); INSERT INTO made VALUES (2); END';
do $_$begin perform 1; end$_$;
CREATE FUNCTION "end"() RETURNS text LANGUAGE sql AS $end$ SELECT 'begin; $$ end'::text; $end$;
INSERT INTO made SELECT length("end"())
