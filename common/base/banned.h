/* Force-included into every one of our sources: functions that have a safe sibling here become compile errors.
 * The system headers that declare them come first, so that only our own use is caught. */
#ifndef COMMON_BASE_BANNED_H
#define COMMON_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat sprintf vsprintf strncpy strncat strtok atoi atol atoll gets localtime gmtime asctime ctime rand srand system popen

#endif
