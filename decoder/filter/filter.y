/* SPDX-License-Identifier: MIT */
/* The grammar of filters.  Types and names are checked in decoder/filter/build.c. */
%code requires {
#include "decoder/filter/impl.h"
}

%define api.pure full
%define api.prefix {filter_yy}
%define api.token.prefix {TOK_}
%define api.location.type {struct filter_loc}
%define parse.error custom
%define parse.lac full
%locations
%param { void *scanner }
%parse-param { struct filter_parser *p }
%initial-action { @$ = (struct filter_loc){ 0, 0 }; }

%union {
	struct filter_literal *literal;
	struct filter_node *node;
	struct filter_range *range;
	enum filter_op op;
}

%code {
#include <string.h>

/* Brackets nest this deep before the parser gives up. */
#define YYMAXDEPTH 2000

#define YYLLOC_DEFAULT(now, rhs, n) \
	do { \
		if (n) { \
			(now).from = YYRHSLOC(rhs, 1).from; \
			(now).to = YYRHSLOC(rhs, n).to; \
		} else { \
			(now).from = (now).to = YYRHSLOC(rhs, 0).to; \
		} \
	} while (0)

/* Nothing made: its error is in p. */
#define NEED(made) \
	do { \
		if (!(made)) \
			YYABORT; \
	} while (0)

int filter_yylex(FILTER_YYSTYPE *value, FILTER_YYLTYPE *at, void *scanner);
static void yyerror(FILTER_YYLTYPE *at, void *scanner, struct filter_parser *p, const char *what);
}

%token <literal> WORD "a word" NUMBER "a number" STRING "a quoted string" IN "in"
%token EQ "==" NE "!=" LT "<" LE "<=" GT ">" GE ">="
%token AND "&&" OR "||" NOT "!" CONTAINS "contains" MATCHES "~" RANGE ".." BAD

%type <node> expr test
%type <range> set element
%type <literal> value
%type <op> compare

%left OR
%left AND
%precedence NOT

%%

filter
	: expr { p->filter->root = $1; }
	;

expr
	: expr OR expr { NEED($$ = filter_join(p, @2, NODE_OR, $1, $3)); }
	| expr AND expr { NEED($$ = filter_join(p, @2, NODE_AND, $1, $3)); }
	| NOT expr { NEED($$ = filter_not(p, @1, $2)); }
	| '(' expr ')' { $$ = $2; }
	| test
	;

test
	: WORD { NEED($$ = filter_present(p, $1)); }
	| WORD compare value { NEED($$ = filter_compare(p, $1, $2, @2, $3)); }
	| WORD '&' value { NEED($$ = filter_bits(p, $1, $3, OP_NE, NULL)); }
	| WORD '&' value compare value { NEED($$ = filter_bits(p, $1, $3, $4, $5)); }
	| WORD IN '{' set '}' { NEED($$ = filter_in(p, $1, false, $4)); }
	| WORD NOT IN '{' set '}' { NEED($$ = filter_in(p, $1, true, $5)); }
	| WORD CONTAINS value { NEED($$ = filter_text(p, NODE_CONTAINS, $1, $3)); }
	| WORD MATCHES value { NEED($$ = filter_text(p, NODE_MATCHES, $1, $3)); }
	;

compare
	: EQ { $$ = OP_EQ; }
	| NE { $$ = OP_NE; }
	| LT { $$ = OP_LT; }
	| LE { $$ = OP_LE; }
	| GT { $$ = OP_GT; }
	| GE { $$ = OP_GE; }
	;

set
	: element
	| set ',' element { $3->next = $1; $$ = $3; }
	;

element
	: value { NEED($$ = filter_range(p, $1, NULL)); }
	| value RANGE value { NEED($$ = filter_range(p, $1, $3)); }
	;

value
	: NUMBER
	| STRING
	| WORD
	| IN
	;

%%

static void yyerror(FILTER_YYLTYPE *at, void *scanner, struct filter_parser *p, const char *what)
{
	if (!strcmp(what, "memory exhausted"))
		filter_fail(p, *at, "the filter is nested too deeply");
	else
		filter_fail(p, *at, "%s", what);
}

static bool is_expected(const yysymbol_kind_t *set, int n, yysymbol_kind_t kind)
{
	for (int i = 0; i < n; i++)
		if (set[i] == kind)
			return true;
	return false;
}

/* What could stand here, in a reader's terms rather than a list of tokens. */
static const char *wanted(const yypcontext_t *ctx)
{
	yysymbol_kind_t set[YYNTOKENS];
	int n = yypcontext_expected_tokens(ctx, set, YYNTOKENS);

	if (is_expected(set, n, YYSYMBOL_NUMBER))
		return "a number, a word or a quoted string";
	if (is_expected(set, n, YYSYMBOL_CONTAINS))
		return "a comparison such as ==, or && or ||";
	if (is_expected(set, n, YYSYMBOL_WORD))
		return "the name of a field";
	if (is_expected(set, n, YYSYMBOL_RANGE))
		return "',', '..' or '}'";
	if (is_expected(set, n, YYSYMBOL_AND))
		return is_expected(set, n, YYSYMBOL_YYEOF) ? "&&, || or the end" : "&&, || or ')'";
	return n == 1 ? yysymbol_name(set[0]) : "something else";
}

static int yyreport_syntax_error(const yypcontext_t *ctx, void *scanner, struct filter_parser *p)
{
	FILTER_YYLTYPE at = *yypcontext_location(ctx);
	yysymbol_kind_t got = yypcontext_token(ctx);

	if (p->failed)
		return 0; /* the lexer has said it */
	if (got == YYSYMBOL_YYEOF)
		filter_fail(p, at, "the filter ends where %s should follow", wanted(ctx));
	else
		filter_fail(p, at, "here should be %s", wanted(ctx));
	return 0;
}
