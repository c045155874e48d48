#!/usr/bin/env bats
# The tool on a project: init, lint, release build, sign, show, with their exit codes and words.

setup() {
	rollcall=${ROLLCALL_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin}/rollcall
	cd "$BATS_TEST_TMPDIR" || return 1
	"$rollcall" init shop 2>/dev/null >/dev/null
}

@test "a fresh project lints clean, builds, and shows what it holds" {
	run "$rollcall" lint shop
	[ "$status" -eq 0 ]
	[ "$output" = "9 changesets, 0 errors, 0 warnings" ]
	run "$rollcall" release build shop --version 1.0.0 -o name
	[ "$status" -eq 0 ]
	[[ "$output" == *"shop/releases/shop-1.0.0.release"* ]]
	run "$rollcall" release show shop/releases/shop-1.0.0.release --engine mysql --sql -o csv
	[ "$status" -eq 0 ]
	[[ "$output" == *"DROP INDEX orders_amount ON orders"* ]]
	run "$rollcall" release show shop/releases/shop-1.0.0.release --engine oracle
	[ "$status" -eq 2 ]
}

@test "init never overwrites" {
	run "$rollcall" init shop
	[ "$status" -ne 0 ]
	[[ "$output" == *"shop/README.md: is there already: nothing was written; name an empty folder"* ]]
}

@test "a mistake fails lint with its place, and no release is written" {
	printf -- '--liquibase formatted sql\n--changeset a:1 runOnChnage:true\nSELECT 1;\n' >shop/changes/004.sql
	run "$rollcall" lint shop -o csv
	[ "$status" -eq 1 ]
	[[ "$output" == *"changes/004.sql,2,error,read"* ]]
	run "$rollcall" release build shop --version 1.0.0
	[ "$status" -eq 6 ]
	[[ "$output" == *"no release was written: changes/004.sql:2: changeset has no attribute 'runOnChnage': did you mean runOnChange? (read)"* ]]
	[ ! -e shop/releases ]
}

@test "a second release takes the next sequence, and a changed changeset is caught against the first" {
	"$rollcall" release build shop --version 1.0.0
	sed -i 's/VARCHAR(200)/VARCHAR(300)/' shop/changes/001-tables.sql
	run "$rollcall" lint shop
	[ "$status" -eq 1 ]
	[[ "$output" == *"HY16-changed"* ]]
	sed -i 's/VARCHAR(300)/VARCHAR(200)/' shop/changes/001-tables.sql
	run "$rollcall" release build shop --version 1.0.1 -o json
	[ "$status" -eq 0 ]
	[[ "$output" == *'"sequence": 2'* ]]
	run "$rollcall" release build shop --version 1.0.1
	[ "$status" -ne 0 ]
	[[ "$output" == *"releases are never overwritten"* ]]
}

@test "files that differ from the commit need a word" {
	cd shop || return 1
	git init -q . && git add -A && git -c user.name=Ann -c user.email=ann@example.org -c commit.gpgsign=false commit -q -m one
	run "$rollcall" release build --version 1.0.0
	[ "$status" -eq 0 ]
	echo "-- a remark" >>changes/001-tables.sql
	run "$rollcall" release build --version 1.0.1
	[ "$status" -eq 6 ]
	[[ "$output" == *"files differ from commit"*"commit them, or give --allow-dirty"* ]]
	"$rollcall" release build --version 1.0.1 --allow-dirty
	run "$rollcall" release show releases/shop-1.0.1.release
	[[ "$output" == *"(files differed from it)"* ]]
	[[ "$output" == *"Ann <ann@example.org>"* ]]
}

@test "a release is signed with a key, and the same key cannot sign twice" {
	"$rollcall" release build shop --version 1.0.0
	printf 'a long passphrase\n' >pass && chmod 600 pass
	"$rollcall" keys new ann.key --passphrase-file pass
	run "$rollcall" release sign shop/releases/shop-1.0.0.release --key ann.key --passphrase-file pass
	[ "$status" -eq 0 ]
	[[ "$output" == *"is signed by key "* ]]
	run "$rollcall" release sign shop/releases/shop-1.0.0.release --key ann.key --passphrase-file pass
	[ "$status" -ne 0 ]
	run "$rollcall" release sign shop/releases/shop-1.0.0.release --key missing.key
	[ "$status" -ne 0 ]
	[[ "$output" == *"missing.key"* ]]
}
