/* The shop: a small project as a person would write it, its plan, and its three releases. */
#include "common/base/file.h"
#include "common/base/str.h"
#include "controller/daemon/demo_impl.h"

static const char project[] = "project: shop\n"
                              "engines: [%s]\n"
                              "pipeline: [production]\n"
                              "changes: changes\n"
                              "%s";

static const char plan[] = "name: three-waves\n"
                           "environments:\n"
                           "  - name: production\n"
                           "    waves:\n"
                           "      - name: canary\n"
                           "        selector: ring=canary\n"
                           "        max_parallel: 3\n"
                           "        max_failures: \"0\"\n"
                           "        on_failure: rollback-target\n"
                           "      - name: early\n"
                           "        selector: ring=early\n"
                           "        max_parallel: 3\n"
                           "        max_failures: \"0\"\n"
                           "        on_failure: rollback-target\n"
                           "      - name: rest\n"
                           "        max_parallel: 6\n"
                           "        max_failures: \"0\"\n"
                           "        on_failure: rollback-target\n";

/* %s stands for what engines write differently. */
static const char *const changes[] = {
    "--liquibase formatted sql\n"
    "\n"
    "--changeset carol:customers\n"
    "CREATE TABLE customers (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(80) NOT NULL, email VARCHAR(120) NOT NULL);\n"
    "--rollback DROP TABLE customers;\n"
    "\n"
    "--changeset carol:orders\n"
    "CREATE TABLE orders (id INTEGER NOT NULL PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers (id), total INTEGER NOT NULL);\n"
    "CREATE INDEX orders_customer ON orders (customer_id);\n"
    "--rollback DROP TABLE orders;\n"
    "\n"
    "--changeset carol:first-customers\n"
    "--validate-after name:three-customers expectedResult:3 SELECT count(*) FROM customers\n"
    "INSERT INTO customers (id, name, email) VALUES (1, 'Ada', 'ada@example.org'), (2, 'Grace', 'grace@example.org'), (3, 'Edsger', "
    "'edsger@example.org');\n"
    "--rollback DELETE FROM customers WHERE id IN (1, 2, 3);\n",

    "--liquibase formatted sql\n"
    "\n"
    "--changeset carol:customers-phone\n"
    "ALTER TABLE customers ADD COLUMN phone VARCHAR(40);\n"
    "--rollback ALTER TABLE customers DROP COLUMN phone;\n"
    "\n"
    "--changeset carol:customers-email-unique\n"
    "--validate-before name:rows-kept SELECT count(*) FROM customers\n"
    "--validate-after name:rows-kept same-as-before SELECT count(*) FROM customers\n"
    "CREATE UNIQUE INDEX customers_email ON customers (email);\n"
    "--rollback %s;\n",

    "--liquibase formatted sql\n"
    "\n"
    "--changeset carol:visits\n"
    "CREATE TABLE visits (n BIGINT NOT NULL, what VARCHAR(40) NOT NULL);\n"
    "--rollback DROP TABLE visits;\n"
    "\n"
    "--changeset carol:visits-count\n"
    "%s;\n"
    "--rollback DELETE FROM visits WHERE what = 'long step';\n"
    "\n"
    "--changeset carol:visits-index\n"
    "CREATE INDEX visits_what ON visits (what);\n"
    "--rollback DROP INDEX visits_what%s;\n",
};

int demo_write_project(struct demo *d, struct err *e)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	buf_addf(&text, project, d->engine->name, str_eq(d->engine->name, "mariadb") ? "mariadb: {algorithm: nocopy, lock: none}\n" : "");
	if (demo_write(d, "shop/rollcall.yaml", text.p, e) != 0)
		return -1;
	return demo_write(d, "shop/plans/production.yaml", plan, e);
}

int demo_write_changes(struct demo *d, int release, struct err *e)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	static const char *const names[] = {"shop/changes/001-customers.sql", "shop/changes/002-contact.sql", "shop/changes/003-visits.sql"};
	if (release == 1)
		buf_adds(&text, changes[0]);
	else if (release == 2)
		buf_addf(&text, changes[1], d->engine->drop_email_index);
	else
		buf_addf(&text, changes[2], d->engine->long_step,
		         d->engine->drop_email_index[0] && strstr(d->engine->drop_email_index, " ON ") ? " ON visits" : "");
	return demo_write(d, names[release - 1], text.p, e);
}
