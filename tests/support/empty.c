/* Keeps the support library from being empty on a machine that builds only some rooms. */
typedef int clg_support_is_not_empty;
