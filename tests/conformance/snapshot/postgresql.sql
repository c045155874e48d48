-- A schema with one of everything that a snapshot tells, and what a dump and its restore are known to change.
DO $$ BEGIN CREATE ROLE app; CREATE ROLE auditor; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
CREATE EXTENSION citext;
CREATE SCHEMA other; COMMENT ON SCHEMA other IS 'x';
CREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s');
CREATE DOMAIN posint AS int DEFAULT 1 NOT NULL CHECK (VALUE > 0);
CREATE TYPE pair AS (a int, b text);
CREATE TYPE fr AS RANGE (subtype = float8);
CREATE SEQUENCE free_seq START 7 INCREMENT 3 CACHE 5 CYCLE MAXVALUE 1000;
CREATE TABLE customers (id bigserial PRIMARY KEY, email citext UNIQUE NOT NULL, gone int, status varchar(20) DEFAULT 'new' CHECK (status IN ('new','old','a,b''c')),
  m mood DEFAULT 'ok', at timestamptz DEFAULT now(), since timestamptz DEFAULT '2020-01-01 00:00:00+00', p posint, "Weird.Name" text COLLATE "C", tags text[] DEFAULT ARRAY['x','y']::text[]);
ALTER TABLE customers DROP COLUMN gone;
ALTER TABLE customers ADD COLUMN late numeric(12,2) DEFAULT 0.5 NOT NULL;
CREATE TABLE orders (id int GENERATED ALWAYS AS IDENTITY, customer bigint REFERENCES customers(id) ON DELETE CASCADE DEFERRABLE, kind varchar(10), amount numeric, twice numeric GENERATED ALWAYS AS (amount*2) STORED,
  body jsonb, during tstzrange, PRIMARY KEY (id), EXCLUDE USING gist (during WITH &&));
ALTER TABLE orders ADD CONSTRAINT kind_known CHECK (kind IN ('a','b') OR kind = ANY (ARRAY['c','d'])) NOT VALID;
CREATE INDEX orders_body ON orders USING gin (body jsonb_path_ops);
CREATE INDEX orders_part ON orders (lower(kind), amount DESC NULLS LAST) INCLUDE (customer) WHERE kind IN ('a','b');
CREATE VIEW v AS SELECT o.*, c.email FROM orders o JOIN customers c ON c.id = o.customer WHERE c.status IN ('new','old') AND o.kind NOT IN ('z','y');
CREATE VIEW v2 WITH (security_barrier) AS SELECT id, CASE WHEN kind = 'a' THEN 1 ELSE 2 END AS k FROM v WHERE kind LIKE ANY (ARRAY['a%','b%']);
CREATE MATERIALIZED VIEW mv AS SELECT kind, sum(amount) s FROM orders GROUP BY kind WITH NO DATA;
CREATE UNIQUE INDEX mv_i ON mv (kind);
CREATE FUNCTION f(a int, b text DEFAULT 'x') RETURNS int LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public AS $$
BEGIN
  RETURN a + length(b);
END $$;
CREATE FUNCTION g(a int) RETURNS int BEGIN ATOMIC SELECT a + 1; END;
CREATE PROCEDURE pr(INOUT x int) LANGUAGE sql AS 'SELECT x';
CREATE AGGREGATE agg(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
CREATE FUNCTION tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER tr BEFORE UPDATE OF amount ON orders FOR EACH ROW WHEN (OLD.amount IS DISTINCT FROM NEW.amount) EXECUTE FUNCTION tf();
CREATE TABLE parts (id int, region text, at date NOT NULL DEFAULT '2020-02-03') PARTITION BY LIST (region);
CREATE TABLE parts_eu PARTITION OF parts FOR VALUES IN ('eu', 'uk');
CREATE TABLE parts_us (at date NOT NULL, region text, id int);
ALTER TABLE parts ATTACH PARTITION parts_us FOR VALUES IN ('us');
CREATE INDEX parts_i ON parts (id);
CREATE TRIGGER ptr AFTER INSERT ON parts FOR EACH ROW EXECUTE FUNCTION tf();
ALTER TABLE parts ADD PRIMARY KEY (id, region);
CREATE TABLE refparts (id int, region text, FOREIGN KEY (id, region) REFERENCES parts(id, region));
CREATE TABLE parent (a int, c text);
CREATE TABLE child (extra int) INHERITS (parent);
ALTER TABLE parent ADD COLUMN z int DEFAULT 5;
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON orders FOR SELECT TO app, auditor USING (kind IN ('a','b') AND amount > 0);
GRANT SELECT, INSERT ON orders TO app; GRANT SELECT (id, amount) ON orders TO auditor; GRANT USAGE ON SCHEMA other TO app WITH GRANT OPTION;
GRANT SELECT ON customers TO app; REVOKE SELECT ON customers FROM app;
REVOKE EXECUTE ON FUNCTION f(int, text) FROM PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA other GRANT SELECT ON TABLES TO app;
CREATE RULE r AS ON DELETE TO parent DO INSTEAD NOTHING;
CREATE STATISTICS st ON kind, amount FROM orders;
COMMENT ON TABLE orders IS 'the
orders'; COMMENT ON COLUMN orders.kind IS 'k'; COMMENT ON FUNCTION g(int) IS 'g';
ALTER TABLE customers ALTER COLUMN email SET STATISTICS 500, ALTER COLUMN email SET STORAGE EXTERNAL;
ALTER TABLE orders ALTER COLUMN kind SET (n_distinct_inherited = -0.5), ALTER COLUMN kind SET (n_distinct = 5);
ALTER TABLE orders SET (fillfactor = 70); CLUSTER orders USING orders_pkey; ALTER TABLE orders REPLICA IDENTITY FULL;
CREATE UNLOGGED TABLE other.u (t time DEFAULT '10:00', i interval DEFAULT '1 day 02:03', mny money DEFAULT 12.5, f float8 DEFAULT 0.1, ba bytea DEFAULT '\x00ff', ch char(3) CHECK (ch IN ('abc','def')), nr numeric CHECK (nr = ANY (ARRAY[1,2])), big bigint CHECK (big IN (1,2,3)), sm smallint CHECK (sm IN (1,2)));
INSERT INTO customers (email) VALUES ('a'), ('b');
