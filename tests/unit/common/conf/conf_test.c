/* common/conf: each mistake in a YAML file is told with its line and what to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "common/conf/conf.h"

struct item {
	char *name;
	unsigned max_parallel;
};
struct sample {
	char *name;
	struct item *waves;
	unsigned waves_count;
};

static const cyaml_schema_field_t item_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct item, name, 0, CYAML_UNLIMITED),
    CYAML_FIELD_UINT("max_parallel", CYAML_FLAG_OPTIONAL, struct item, max_parallel),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t item_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct item, item_fields)};
static const cyaml_schema_field_t sample_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct sample, name, 0, CYAML_UNLIMITED),
    CYAML_FIELD_SEQUENCE("waves", CYAML_FLAG_POINTER, struct sample, waves, &item_schema, 0, CYAML_UNLIMITED),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t sample_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct sample, sample_fields)};

static const struct {
	const char *text, *error; /* NULL: loads */
} cases[] = {
    {"name: a\nwaves:\n  - name: x\n    max_parallel: 3\n", NULL},
    {"name: a\nwaves:\n  - name: x\n    max_paralel: 3\n", "f.yaml:4: unknown key 'max_paralel': did you mean 'max_parallel'?"},
    {"kind: Pod\nspec: {name: x}\n",
     "f.yaml:1: unknown key 'kind', and nothing else that belongs here: name another file, or begin it with name, waves"},
    {"name: a\nwaves:\n  - name: x\n    colour: 3\n", "f.yaml:4: unknown key 'colour': remove it"},
    {"name: a\nwaves:\n  - name: x\n    max_parallel: many\n", "f.yaml:4: Invalid uint64_t value: 'many'"},
    {"name: a\nwaves:\n  - name: x\n    max_parallel: 3x\n", "f.yaml:4: max_parallel '3x': not a whole number: write decimal digits alone"},
    {"name: a\nwaves:\n  - name: x\n    max_parallel: 3.9\n", "f.yaml:4: max_parallel '3.9': not a whole number: write decimal digits alone"},
    {"name: a\nwaves: [{name: x, max_parallel: 3},\n  {name: y, max_parallel: 010}]\n",
     "f.yaml:3: max_parallel '010': not a whole number: write decimal digits alone"},
    {"name: a\nwaves: [{name: x, max_parallel: 0x3}]\n", "f.yaml:2: max_parallel '0x3': not a whole number: write decimal digits alone"},
    {"name: 3x\nwaves:\n  - {name: 0x3, max_parallel: \"3\"}\n", NULL},
    {"name: a\n", "f.yaml:1: key 'waves' is missing: add it"},
    {"name: a\nname: b\nwaves: []\n", "f.yaml:1: key 'name' stands twice: keep one"},
    {"name: a\nwaves: hello\n", "f.yaml:2: Expecting SEQUENCE, got event: SCALAR"},
    {"", "f.yaml:1: the file is empty: write its keys"},
    {"name: &x a\nwaves: [{name: *x}]\n", "f.yaml:2: anchors and aliases are not read here: write the value out"},
    {"name: a\n\twaves: x\n", "f.yaml:1: libyaml: found a tab character that violates indentation"},
    {"name: a\nwaves:\n  - {name", "f.yaml:3: libyaml: did not find expected ',' or '}'"}, /* cut short */
    {"name: \xff\n", "f.yaml:1: not UTF-8 text: save it as UTF-8"},
    {"name: a\n# caf\xe9\nwaves: []\n", "f.yaml:2: not UTF-8 text: save it as UTF-8"},
};

static void test_messages(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = ERR_INIT;
		void *value = NULL;
		int rc = conf_parse("f.yaml", bytes_of_str(cases[i].text), &sample_schema, &value, &e);
		if (cases[i].error) {
			assert_int_equal(rc, -1);
			assert_string_equal(e.msg, cases[i].error);
			assert_null(value);
			continue;
		}
		assert_int_equal(rc, 0);
		assert_int_equal(((struct sample *)value)->waves[0].max_parallel, 3);
		conf_free(&sample_schema, value);
	}
}

static void test_line_of(void **state)
{
	(void)state;
	struct bytes text = bytes_of_str("a: 1\nb:\n  - a: 2\n# not-a: 3\n");
	assert_int_equal(conf_line_of(text, "a", 0), 1);
	assert_int_equal(conf_line_of(text, "a", 1), 3);
	assert_int_equal(conf_line_of(text, "zz", 0), 0);
	assert_int_equal(conf_line_of(bytes_of_str("w: [{a: 1}, {a: 2}]\na: 3\n"), "a", 1), 1);
	assert_int_equal(conf_line_of(bytes_of_str("w: [{a: 1}, {a: 2}]\na: 3\n"), "a", 2), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_messages), cmocka_unit_test(test_line_of)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
