/* SPDX-License-Identifier: MIT */
/* How a rule says that it was broken. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "decoder/check/impl.h"

void rule_related(struct rule_context *ctx, uint64_t number, const char *what)
{
	unsigned at = ctx->f.nbefore;

	if (!number || number >= ctx->number || at == CHECK_RELATED)
		return;
	for (unsigned i = 0; i < at; i++)
		if (ctx->f.before[i].number == number)
			return;
	for (; at && ctx->f.before[at - 1].number > number; at--)
		ctx->f.before[at] = ctx->f.before[at - 1];
	ctx->f.before[at].number = number;
	ctx->f.before[at].what = what;
	ctx->f.nbefore++;
}

static uint64_t count_finding(struct rule_context *ctx)
{
	ctx->c->tally[ctx->index].broken++;
	ctx->d->decided = true;
	if (!ctx->d->nth)
		ctx->d->nth = calloc(ctx->c->nrules, sizeof(*ctx->d->nth));
	return ctx->d->nth ? ++ctx->d->nth[ctx->index] : 1;
}

static enum verdict report(struct rule_context *ctx, unsigned queue, const char *fmt, va_list ap)
{
	char seen[512];

	vsnprintf(seen, sizeof(seen), fmt, ap);
	ctx->f.rule = ctx->rule;
	ctx->f.number = ctx->number;
	ctx->f.ts = ctx->now;
	ctx->f.since = ctx->since;
	ctx->f.device = ctx->dev;
	ctx->f.queue = queue;
	ctx->f.section = rule_section(ctx->rule, check_mmio(ctx->dev), legacy_only(ctx));
	ctx->f.seen = seen;
	if (ctx->q && ctx->rule->party == CHECK_DRIVER && ctx->e &&
	    ctx->e->rec->h.type == VQT_AVAIL)
		ctx->q->chain.faulty = true;
	ctx->f.nth = count_finding(ctx);
	if (ctx->c->found && ctx->c->tally[ctx->index].selected)
		ctx->c->found(ctx->c->opaque, &ctx->f);
	ctx->f.nbefore = 0;
	return RULE_BROKEN;
}

enum verdict rule_fail(struct rule_context *ctx, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(ctx, ctx->q ? ctx->q->index : VQT_NO_QUEUE, fmt, ap);
	va_end(ap);
	return RULE_BROKEN;
}

enum verdict rule_fail_queue(struct rule_context *ctx, unsigned queue, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(ctx, queue, fmt, ap);
	va_end(ap);
	return RULE_BROKEN;
}
