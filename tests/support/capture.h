/* Captures what a function writes to standard output and standard error, through stdio or not. */
#ifndef TESTS_SUPPORT_CAPTURE_H
#define TESTS_SUPPORT_CAPTURE_H

struct capture {
	int saved[2], files[2];
	char *out, *err; /* set by capture_end; freed by capture_done */
};

void capture_begin(struct capture *c);
void capture_end(struct capture *c);
void capture_done(struct capture *c);

#endif
