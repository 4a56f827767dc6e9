/* SPDX-License-Identifier: MIT */
#include "decoder/util/option.h"

const char *const option_text_or_json[] = { "text", "json", NULL };
