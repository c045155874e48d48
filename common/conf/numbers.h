/* Numbers in a YAML text by its schema: libcyaml takes what strtol takes of them, so that "1x" is 1, "1.5" is 1 and "010" is 8. Here a number is decimal digits and nothing else. */
#ifndef COMMON_CONF_NUMBERS_H
#define COMMON_CONF_NUMBERS_H

#include <cyaml/cyaml.h>
#include <yaml.h>

#include "common/base/bytes.h"
#include "common/base/err.h"

/* For a text that libcyaml has loaded by this schema: it holds no aliases then. ERR_PARSE "NAME:LINE: KEY 'VALUE': not a whole number: ...". */
int conf_check_numbers(const char *name, struct bytes text, const cyaml_schema_value_t *schema, struct err *e) MUST_CHECK;
/* The text as libyaml's tree, for what a schema cannot say; false: it is not YAML. yaml_document_delete() afterwards. */
bool conf_document(struct bytes text, yaml_document_t *ret);

#endif
