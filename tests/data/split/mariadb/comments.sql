# a client comment; with a semicolon
/* a block; 'with quotes */ CREATE TABLE a (b int); -- to the end; of the line
CREATE TABLE c ( d int /* inside; */, -- last; column
	e int DEFAULT 1 # ;
);
INSERT INTO a VALUES (1) /* ; */, (2); INSERT INTO a VALUES (5--1), (6-- 1;
);
/*!40101 SET @old = @@sql_mode */;
/*!50003 CREATE TABLE versioned (a int) */;
/*M!100300 CREATE TABLE maria_only (a int) */;
/*!99999 CREATE TABLE never (a int) */;
INSERT INTO c (d) VALUES (1 /*! + 1 */ /*!99999 + 5 */);
INSERT INTO a VALUES (0x3B), (b'1'), (_utf8mb4'3'), (N'4'), ('5' '6');
CREATE VIEW v AS SELECT b, 'x;' AS t FROM a -- the file ends without a semicolon
