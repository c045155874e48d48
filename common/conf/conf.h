/* YAML files into C structs by libcyaml: the schema is the struct, unknown keys are errors with their line. Capped at LIMIT_YAML; aliases and anchors are refused. */
#ifndef COMMON_CONF_CONF_H
#define COMMON_CONF_CONF_H

#include <cyaml/cyaml.h>

#include "common/base/bytes.h"
#include "common/base/err.h"

/* Loads `path` into *ret (free it with conf_free and the same schema). Errors read "FILE:LINE: what: what to do", with the nearest known key for an unknown one where there is one. */
int conf_load(const char *path, const cyaml_schema_value_t *schema, void **ret, struct err *e) MUST_CHECK;
/* The same from memory; `name` stands for the file in messages. */
int conf_parse(const char *name, struct bytes text, const cyaml_schema_value_t *schema, void **ret, struct err *e) MUST_CHECK;
void conf_free(const cyaml_schema_value_t *schema, void *value);
/* 1-based line of the `index`-th (from 0) occurrence of `key:` in the text, 0 if not found: for semantic errors found after loading. */
unsigned conf_line_of(struct bytes text, const char *key, size_t index);

#endif
