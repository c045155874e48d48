/* Look-ups and names of the changeset model. */
#include "common/model/changeset.h"

#include "common/base/mem.h"
#include "common/base/str.h"

static const char *const class_names[STEP_CLASS_COUNT] = {"T", "N", "B", "X"};
static const char *const on_fail_names[] = {"HALT", "CONTINUE", "MARK_RAN", "WARN"};

const struct body *changeset_body(const struct changeset *c, const char *engine)
{
	for (size_t i = 0; i < c->n_bodies; i++)
		if (str_eq(c->bodies[i].engine, engine))
			return &c->bodies[i];
	return NULL;
}

const char *changeset_file(const struct changeset *c, const struct body *b, bool back)
{
	const char *file = back ? b->rollback_file : b->file;
	return file ? file : c->file;
}

const char *step_class_name(enum step_class c)
{
	return class_names[c];
}

bool step_class_parse(const char *s, enum step_class *ret)
{
	for (size_t i = 0; i < STEP_CLASS_COUNT; i++)
		if (str_eq(s, class_names[i]))
			return *ret = (enum step_class)i, true;
	return false;
}

const char *on_fail_name(enum on_fail f)
{
	return on_fail_names[f];
}

bool on_fail_parse(const char *s, enum on_fail *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(on_fail_names); i++)
		if (str_ieq(s, on_fail_names[i]))
			return *ret = (enum on_fail)i, true;
	return false;
}
