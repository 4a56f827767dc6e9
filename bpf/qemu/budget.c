/* SPDX-License-Identifier: MIT */
#include "bpf/process/foreign.h"
#include "bpf/qemu/budget.h"

static struct budget_user *user_of(struct budget *b, long uid)
{
	size_t i = 0;

	while (i < b->nusers && b->user[i].uid != uid)
		i++;
	if (i == BUDGET_USERS) {
		b->user[--i].shared = true;
		return &b->user[i];
	}
	if (i == b->nusers)
		b->user[b->nusers++] =
			(struct budget_user){ .uid = uid, .pause = FOREIGN_PAUSE_NS };
	return &b->user[i];
}

static struct budget_slow *slow_of(struct budget *b, const struct budget_process *p)
{
	for (size_t i = 0; i < b->nslow; i++)
		if (b->slow[i].pid == p->pid && b->slow[i].begun == p->begun(p->pid))
			return &b->slow[i];
	return NULL;
}

static bool is_over(const struct budget_user *u)
{
	return u->cpu > BUDGET_USER_NS || u->wall > BUDGET_USER_WALL_NS;
}

void budget_begin(struct budget *b, bool (*alive)(pid_t pid))
{
	for (size_t i = 0; i < b->nslow;)
		if (alive(b->slow[i].pid))
			i++;
		else
			b->slow[i] = b->slow[--b->nslow];
	for (size_t i = 0; i < b->nusers; i++) {
		struct budget_user *u = &b->user[i];

		if (u->cpu && !is_over(u)) { /* he was looked at, and all went well */
			u->pause = FOREIGN_PAUSE_NS;
			u->said = false;
		}
		u->cpu = u->wall = u->left_out = 0;
	}
	if (!b->left_out)
		b->said = false;
	b->cpu = b->left_out = 0;
}

bool budget_allows(struct budget *b, const struct budget_process *p, uint64_t now)
{
	struct budget_user *u = user_of(b, p->uid);
	const struct budget_slow *s;

	if (now < u->resume) {
		u->left_out++;
		return false;
	}
	if (b->cpu > BUDGET_LIST_NS) {
		b->left_out++;
		return false;
	}
	s = slow_of(b, p);
	return !s || now >= s->resume;
}

/* It took too long: it is left alone, each time twice as long. */
static void put_off(struct budget *b, const struct budget_process *p, struct budget_slow *s,
		    uint64_t now)
{
	if (!s) {
		size_t first = 0;

		for (size_t i = 1; i < b->nslow; i++)
			first = b->slow[i].resume < b->slow[first].resume ? i : first;
		s = &b->slow[b->nslow < BUDGET_SLOW ? b->nslow++ : first];
		*s = (struct budget_slow){ .pid = p->pid,
					   .begun = p->begun(p->pid),
					   .pause = FOREIGN_PAUSE_NS };
	}
	s->resume = now + s->pause;
	s->pause *= 2;
}

void budget_took(struct budget *b, const struct budget_process *p, const struct budget_cost *cost,
		 uint64_t now)
{
	struct budget_user *u = user_of(b, p->uid);
	struct budget_slow *s = slow_of(b, p);

	now += cost->wall;
	if (cost->too_long)
		put_off(b, p, s, now);
	else if (s)
		*s = b->slow[--b->nslow];
	b->cpu += cost->cpu;
	u->cpu += cost->cpu;
	u->wall += cost->wall;
	if (!is_over(u))
		return;
	u->resume = now + u->pause;
	u->pause *= 2;
}

/* --- what is left out --------------------------------------------------------------------- */

static void say_slow(const struct budget_slow *s, struct text *line)
{
	text_add(line,
		 "process %d: reading it takes too long: its mappings or files are not those of a "
		 "QEMU; it is left out",
		 (int)s->pid);
}

static void say_user(const struct budget_user *u, struct text *line)
{
	text_add(line,
		 "%u processes of user %ld%s are left out: reading others of his takes too long",
		 u->left_out, u->uid, u->shared ? " and others" : "");
}

static void say_all(const struct budget *b, struct text *line)
{
	text_add(line, "%u processes are left out: reading others takes too long", b->left_out);
}

bool budget_left_out(const struct budget *b, size_t n, struct text *line)
{
	if (n < b->nslow) {
		say_slow(&b->slow[n], line);
		return true;
	}
	n -= b->nslow;
	for (size_t i = 0; i < b->nusers; i++)
		if (b->user[i].left_out && !n--) {
			say_user(&b->user[i], line);
			return true;
		}
	if (n || !b->left_out)
		return false;
	say_all(b, line);
	return true;
}

bool budget_newly_left_out(struct budget *b, struct text *line)
{
	for (size_t i = 0; i < b->nslow; i++)
		if (!b->slow[i].said) {
			b->slow[i].said = true;
			say_slow(&b->slow[i], line);
			return true;
		}
	for (size_t i = 0; i < b->nusers; i++)
		if (b->user[i].left_out && !b->user[i].said) {
			b->user[i].said = true;
			say_user(&b->user[i], line);
			return true;
		}
	if (!b->left_out || b->said)
		return false;
	b->said = true;
	say_all(b, line);
	return true;
}
