/* A folder of its own for each test that writes files. */
#ifndef TESTS_SUPPORT_TMP_H
#define TESTS_SUPPORT_TMP_H

/* Makes an empty folder below the working directory; its path (at most 63 bytes) goes to dir. */
void test_tmp_make(char dir[64]);
/* Removes it with everything in it. */
void test_tmp_remove(const char *dir);

#endif
