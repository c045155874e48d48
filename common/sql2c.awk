# Turns a .sql file that the clients can run into C strings. A line "--: name" starts the string `name`; text before the first such line is a comment for people.
# "--: name[]" starts an array: each statement that ends in ";" at a line's end becomes one element, and a NULL closes it.
function flush_text() {
	if (name == "") return
	if (array) { if (text ~ /[^ \n\t]/) elements = elements "\t\"" escape(text) "\",\n"; printf "static const char *const %s[] __attribute__((unused)) = {\n%s\tNULL,\n};\n", name, elements }
	else printf "static const char %s[] __attribute__((unused)) = \"%s\";\n", name, escape(trim(text))
}
function trim(s) { sub(/^[ \n\t]+/, "", s); sub(/[ \n\t;]+$/, "", s); return s }
function escape(s) { s = trim(s); gsub(/\\/, "\\\\", s); gsub(/"/, "\\\"", s); gsub(/\n/, "\\n\"\n\t\t\"", s); return s }
/^--: / { flush_text(); name = $2; array = sub(/\[\]$/, "", name); text = ""; elements = ""; next }
{ if (name == "") next
  text = text $0 "\n"
  if (array && $0 ~ /;[ \t]*$/) { elements = elements "\t\"" escape(text) "\",\n"; text = "" } }
END { flush_text() }
