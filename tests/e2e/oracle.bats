#!/usr/bin/env bats
# The checker itself is proven: a clean run lights no view, and each planted fault lights the view that is for it.

setup_file() {
	cd "$BATS_TEST_DIRNAME/../fault/oracle" || return 1
	export DB="$BATS_FILE_TMPDIR/oracle.db"
}

# A clean run of two steps on one target.
base="insert into plan values('t1',1,'c1',1,'h1','tx',1),('t1',2,'c2',1,'h2','tx',2);
insert into led values('t1',1,'c1',1,'h1','done',1,'a1',10,20),('t1',2,'c2',1,'h2','done',2,'a2',30,40);
insert into wit values('t1','c1',1,'x'),('t1','c2',1,'y'); insert into cnt values('t1',2); insert into cat values('t1','d','d');
insert into jrn values('ag','t1','c1',1,'a1','done',1),('ag','t1','c2',1,'a2','done',2);
insert into ctl values('t1','c1',1,'applied',22),('t1','c2',1,'applied',42);
insert into hist values('u',1,'t1','c1','ok'),('u',2,'t1','c2','info');
insert into disp values('t1','c1','a1',1,1,1,5,9,1),('t1','c2','a2',2,1,1,5,29,2); insert into gate values(1,25); insert into halt values(100);
insert into aud values(1,'dispatch','a1','','x1','x1'),(2,'applied','t1/c1/1','x1','x2','x2'),(3,'dispatch','a2','x2','x3','x3'),(4,'applied','t1/c2/1','x3','x4','x4');"

# Prints the views that are lit after the base and this fault.
lit_views() {
	rm -f "$DB"
	{ cat oracle.sql; echo "$base $1;"; } | sqlite3 "$DB"
	sqlite3 "$DB" "select name from sqlite_master where type='view' and name like 'v%' order by 1" | while read -r v; do
		[ "$(sqlite3 "$DB" "select count(*) from $v")" = 0 ] || echo "$v"
	done
}

planted() {
	run lit_views "$2"
	echo "$output"
	[[ $output == *"$1"* ]]
}

@test "oracle: a clean run lights nothing" {
	run lit_views ""
	[ -z "$output" ]
}

@test "oracle: planted faults v01 to v08 are caught" {
	planted v01 "insert into wit values('t1','c2',1,'z')"
	planted v02 "insert into wit values('t1','c9',1,'z')"
	planted v03 "delete from wit where changeset='c2'"
	planted v04 "insert into led values('t1',3,'c2',1,'h2','done',2,'a2',41,42)"
	planted v05 "update cnt set n=3"
	planted v06 "update cat set digest='e'"
	planted v07 "insert into junk values('t1','invalid index','ix')"
	planted v08 "update led set seq=0 where changeset='c2'"
}

@test "oracle: planted faults v09 to v15 are caught" {
	planted v09 "update led set chash='hX' where changeset='c1'"
	planted v10 "insert into jrn values('ag','t1','c7',1,'a7','done',3)"
	planted v11 "delete from jrn where changeset='c2'"
	planted v12 "insert into ctl values('t1','c7',1,'applied',50)"
	planted v13 "update ctl set state='running' where changeset='c2'"
	planted v14 "update ctl set state='failed' where changeset='c2'"
	planted v15 "insert into hist values('u',3,'t1','c7','ok')"
}

@test "oracle: planted faults v16 to v23 are caught" {
	planted v16 "update disp set approved_at=null where changeset='c2'"
	planted v17 "update led set epoch=0 where changeset='c2'"
	planted v18 "update led set t0=15 where changeset='c2'"
	planted v19 "delete from gate"
	planted v20 "update halt set at=15"
	planted v21 "delete from aud where seq=3"
	planted v22 "insert into aud values(5,'applied','t1/c2/1','x4','x5','x5')"
	planted v23 "insert into plan values('t1',3,'c3',1,'h3','tx',2)"
}
