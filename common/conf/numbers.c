/* See the header. */
#include "common/conf/numbers.h"

#include <string.h>

#include "common/base/str.h"

#define DEPTH_MAX 16 /* of schemas; the text has no deeper place that one of them names */

struct checking {
	const char *name;
	yaml_document_t document;
	struct err *e;
};

static int check_value(struct checking *c, int node, const cyaml_schema_value_t *v, const char *key, int depth);

static bool is_decimal(const char *s, bool negative)
{
	if (negative && *s == '-')
		s++;
	if (*s == '0' && s[1])
		return false; /* octal, or hexadecimal, to who reads it by C's rules */
	return *s && s[strspn(s, "0123456789")] == '\0';
}

static int check_mapping(struct checking *c, const yaml_node_t *n, const cyaml_schema_value_t *v, int depth)
{
	for (const yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top; p++) {
		const yaml_node_t *k = yaml_document_get_node(&c->document, p->key);
		for (const cyaml_schema_field_t *f = v->mapping.fields; f->key && k && k->type == YAML_SCALAR_NODE; f++)
			if (str_eq(f->key, (const char *)k->data.scalar.value) && check_value(c, p->value, &f->value, f->key, depth + 1) != 0)
				return -1;
	}
	return 0;
}

static int check_value(struct checking *c, int node, const cyaml_schema_value_t *v, const char *key, int depth)
{
	const yaml_node_t *n = yaml_document_get_node(&c->document, node);
	if (!n || depth > DEPTH_MAX)
		return 0;
	if (v->type == CYAML_MAPPING && n->type == YAML_MAPPING_NODE)
		return check_mapping(c, n, v, depth);
	if ((v->type == CYAML_SEQUENCE || v->type == CYAML_SEQUENCE_FIXED) && n->type == YAML_SEQUENCE_NODE) {
		for (const yaml_node_item_t *i = n->data.sequence.items.start; i < n->data.sequence.items.top; i++)
			if (check_value(c, *i, v->sequence.entry, key, depth + 1) != 0)
				return -1;
		return 0;
	}
	if ((v->type != CYAML_INT && v->type != CYAML_UINT) || n->type != YAML_SCALAR_NODE ||
	    is_decimal((const char *)n->data.scalar.value, v->type == CYAML_INT))
		return 0;
	return err_set(c->e, ERR_PARSE, "%s:%zu: %s '%.64s': not a whole number: write decimal digits alone", c->name, n->start_mark.line + 1, key,
	               (const char *)n->data.scalar.value);
}

bool conf_document(struct bytes text, yaml_document_t *ret)
{
	yaml_parser_t parser;
	if (!yaml_parser_initialize(&parser))
		return false;
	yaml_parser_set_input_string(&parser, text.p, text.n);
	bool ok = yaml_parser_load(&parser, ret) != 0;
	yaml_parser_delete(&parser);
	return ok;
}

int conf_check_numbers(const char *name, struct bytes text, const cyaml_schema_value_t *schema, struct err *e)
{
	struct checking c = {.name = name, .e = e};
	if (!conf_document(text, &c.document))
		return err_set(e, ERR_PARSE, "%s: not YAML", name);
	const yaml_node_t *root = yaml_document_get_root_node(&c.document);
	int rc = root ? check_value(&c, 1, schema, "value", 0) : 0;
	yaml_document_delete(&c.document);
	return rc;
}
