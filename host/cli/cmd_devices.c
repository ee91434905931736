/* clgan devices. */
#include "base/mem.h"
#include "cli/cli.h"

static const char *type_name(enum clg_device_type type)
{
    return type == CLG_DEVICE_CPU ? "cpu" : type == CLG_DEVICE_GPU ? "gpu" : "other";
}

static void add_json(clg_json *list, const clg_device_info *d)
{
    clg_json *o = clg__json_add_object(list, NULL);
    clg__json_add_integer(o, "platform_index", d->platform_index);
    clg__json_add_integer(o, "device_index", d->device_index);
    clg__json_add_text(o, "platform", d->platform);
    clg__json_add_text(o, "device", d->name);
    clg__json_add_text(o, "vendor", d->vendor);
    clg__json_add_text(o, "driver", d->driver);
    clg__json_add_text(o, "opencl", d->version);
    clg__json_add_text(o, "type", type_name(d->type));
    clg__json_add_bool(o, "usable", d->usable);
    clg__json_add_text(o, "why_not", d->why_not);
    clg__json_add_integer(o, "compute_units", d->compute_units);
    clg__json_add_integer(o, "clock_mhz", d->clock_mhz);
    clg__json_add_integer(o, "vector_width_float", d->vector_width_float);
    clg__json_add_integer(o, "global_mem_bytes", (int64_t)d->global_mem_bytes);
    clg__json_add_integer(o, "max_alloc_bytes", (int64_t)d->max_alloc_bytes);
    clg__json_add_integer(o, "local_mem_bytes", (int64_t)d->local_mem_bytes);
    clg__json_add_integer(o, "max_work_group", (int64_t)d->max_work_group);
    clg__json_add_bool(o, "fp16", d->fp16);
    clg__json_add_bool(o, "fp64", d->fp64);
    clg__json_add_bool(o, "sub_groups_of_8", d->lanes8);
    clg__json_add_bool(o, "sub_groups_of_16", d->lanes16);
}

static void print_text(const clg_device_info *d)
{
    char mem[32];
    if (d->name[0] == '\0') {
        printf("platform %u  %s: %s\n", d->platform_index, d->platform, d->why_not);
        return;
    }
    printf("platform %u device %u  %s\n", d->platform_index, d->device_index, d->name);
    printf("    %s, %s, driver %s, %s\n", type_name(d->type), d->platform, d->driver, d->version);
    printf("    %u compute units, %s, float vectors of %u, work-groups up to %zu%s\n",
           d->compute_units, clg__human_bytes(d->global_mem_bytes, mem), d->vector_width_float,
           d->max_work_group, d->lanes8 || d->lanes16 ? ", sub-groups" : "");
    printf("    %s%s\n", d->usable ? "usable" : "not usable: ", d->usable ? "" : d->why_not);
}

int clg__cmd_devices(const clg_cli *cli)
{
    clg_device_info *list = NULL;
    size_t n = 0;
    if (cli->words > 0) {
        return clg__hint(clg__fail(CLG_E_USAGE, "devices: unexpected argument \"%s\"", cli->word[0]),
                         "write clgan devices, or clgan devices --json");
    }
    int status = clg__rt_devices(&list, &n);
    if (status != CLG_OK) {
        return status;
    }
    clg_json *root = cli->json ? clg__json_begin(NULL) : NULL;
    size_t best = 0;
    bool any = clg__rt_pick(list, n, NULL, NULL, &best) == CLG_OK;
    if (any) { /* the one that is taken without --platform and --device */
        clg__json_add_text(root, "platform", list[best].platform);
        clg__json_add_text(root, "device", list[best].name);
        clg__json_add_text(root, "driver", list[best].driver);
    }
    clg_json *array = cli->json ? clg__json_add_array(root, "devices") : NULL;
    for (size_t i = 0; i < n; i++) {
        if (cli->json) {
            add_json(array, &list[i]);
        } else {
            print_text(&list[i]);
        }
    }
    if (cli->json) {
        status = clg__json_print(&root);
    } else if (any) {
        printf("default: platform %u device %u\n", list[best].platform_index,
               list[best].device_index);
    }
    if (!any) {
        status = clg__rt_pick(list, n, NULL, NULL, &best); /* writes the message again */
    }
    clg__free(list);
    return status;
}
