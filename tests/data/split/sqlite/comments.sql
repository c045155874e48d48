-- a line; with a semicolon
/* a block; /* not nested; ' */ CREATE TABLE a (b); -- to the end; of the line
;;
CREATE TABLE c ( d /* inside; */ DEFAULT 'x;y', -- last; column
	e DEFAULT "double;"
);
INSERT INTO a VALUES (1) /* ; */, ('it''s; ok'), (x'3B'), ("--not a comment;");
INSERT INTO a VALUES (5 --;
+ 1);
WITH RECURSIVE s (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 3) INSERT INTO c (d) SELECT i FROM s;
CREATE INDEX "i;1" ON a (b) WHERE b <> ';';
CREATE VIEW v AS SELECT b FROM a;
INSERT INTO a VALUES (7) -- the file ends without a semicolon
