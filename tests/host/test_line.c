/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_line.c - the line editor against a small terminal and a simple model
 *
 * The terminal keeps one row and a column.  After every key the row must show the
 * prompt and the part of the text that the editor means to show, nothing else, with
 * the cursor where it belongs.
 */
#include <shell/line.h>

#include "harness.h"

#include <stdio.h>
#include <string.h>

#define WIDTH  80
#define PROMPT "hartwood> "

static char row[WIDTH + 1];
static unsigned column;
static char scrolled[4096]; /* rows that were finished with a newline */
static struct line line;

static void term_clear_from(unsigned from)
{
	memset(row + from, ' ', WIDTH - from);
	row[WIDTH] = '\0';
}

static void term_newline(void)
{
	size_t n = strlen(scrolled);

	if (n + WIDTH + 2 < sizeof(scrolled))
		snprintf(scrolled + n, sizeof(scrolled) - n, "%s\n", row);
	term_clear_from(0);
	column = 0;
}

/* One escape sequence at @s; returns its length. */
static size_t term_escape(const char *s)
{
	unsigned n = 0;
	size_t at = 2;

	EXPECT_EQ(s[1], '[');
	while (s[at] >= '0' && s[at] <= '9')
		n = n * 10 + (unsigned)(s[at++] - '0');
	switch (s[at]) {
	case 'K':
		term_clear_from(column);
		break;
	case 'D':
		EXPECT(n <= column);
		column -= n;
		break;
	case 'H':
		column = 0;
		break;
	case 'J':
		EXPECT_EQ(n, 2);
		term_clear_from(0);
		break;
	default:
		EXPECT(!"an escape sequence that the terminal doesn't know");
	}
	return at + 1;
}

static void term_out(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (s[i] == 0x1b) {
			i += term_escape(s + i) - 1;
		} else if (s[i] == '\r') {
			column = 0;
		} else if (s[i] == '\n') {
			term_newline();
		} else if (s[i] != '\a') {
			if (column == WIDTH)
				term_newline();
			row[column++] = s[i];
		}
	}
}

static const char *const commands[] = { "help", "harts", "meminfo", "memmap", "dt" };
static const char *const nodes[] = { "/soc/", "/memory@0", "/soc2" };

static void offer_words(const char *command, const char *prefix, shell_offer_fn offer, void *ctx)
{
	if (!command)
		for (unsigned i = 0; i < ARRAY_SIZE(commands); i++)
			offer(ctx, commands[i]);
	else if (!strcmp(command, "dt"))
		for (unsigned i = 0; i < ARRAY_SIZE(nodes); i++)
			offer(ctx, nodes[i]);
}

static const struct line_hooks hooks = { term_out, offer_words };

static void start(void)
{
	term_clear_from(0);
	column = 0;
	scrolled[0] = '\0';
	line_init(&line, &hooks, PROMPT);
	line_start(&line);
}

static void check_screen(void)
{
	char expected[WIDTH + 1];
	size_t shown = strlen(line.text) - line.left;

	shown = min(shown, (size_t)WIDTH - 1 - strlen(PROMPT));
	memset(expected, ' ', WIDTH);
	expected[WIDTH] = '\0';
	memcpy(expected, PROMPT, strlen(PROMPT));
	memcpy(expected + strlen(PROMPT), line.text + line.left, shown);
	EXPECT_STR(row, expected);
	EXPECT_EQ(column, strlen(PROMPT) + line.cursor - line.left);
	EXPECT_EQ(line.len, strlen(line.text));
	EXPECT(line.cursor <= line.len && line.left <= line.cursor);
}

static enum line_event type(const char *keys)
{
	enum line_event event = LINE_MORE;

	for (; *keys; keys++) {
		event = line_feed(&line, *keys);
		if (event == LINE_MORE && !line.escape)
			check_screen();
	}
	return event;
}

TEST(typing_and_enter)
{
	start();
	EXPECT_EQ(type("meminfo"), LINE_MORE);
	EXPECT_EQ(type("\r"), LINE_DONE);
	EXPECT_STR(line.text, "meminfo");
	line_start(&line);
	EXPECT_EQ(type("\n"), LINE_MORE); /* the other half of CR LF */
	EXPECT_EQ(type("\n"), LINE_DONE);
	EXPECT_STR(line.text, "");
}

TEST(moving_and_erasing)
{
	start();
	type("abc def");
	type("\x1b[D\x1b[D\x1b[D!");
	EXPECT_STR(line.text, "abc !def");
	type("\x01>\x05<");
	EXPECT_STR(line.text, ">abc !def<");
	type("\x1b[H\x1b[3~");
	EXPECT_STR(line.text, "abc !def<");
	type("\x1b[F\x7f\b");
	EXPECT_STR(line.text, "abc !de");
	type("\x17");
	EXPECT_STR(line.text, "abc ");
	type("\x01\x06\x0b");
	EXPECT_STR(line.text, "a");
	type("bc\x02\x15");
	EXPECT_STR(line.text, "c");
	type("\x0c");
	type("\x04");
	EXPECT_STR(line.text, "");
	type("\x1b[C\x1b[D\x7f\x04\x17\x0b\x15"); /* nothing to act on */
	EXPECT_STR(line.text, "");
}

TEST(modified_and_unknown_keys)
{
	start();
	type("ab\x1b[1;5D\x1b[15~\x1bO");
	EXPECT_STR(line.text, "ab");
	type("H#\x1bOF$\x1bx\x02\x80\xff");
	EXPECT_STR(line.text, "#ab$");
}

TEST(control_c_gives_up)
{
	start();
	EXPECT_EQ(type("rubbish\x03"), LINE_CANCEL);
	check_screen();
	EXPECT_STR(line.text, "");
	EXPECT(strstr(scrolled, "rubbish^C"));
	EXPECT_EQ(type("\x1b[\x03"), LINE_CANCEL); /* in the middle of a sequence */
	type("x");
	EXPECT_STR(line.text, "x");
}

TEST(history)
{
	start();
	line_remember(&line, "one");
	line_remember(&line, "two");
	line_remember(&line, "two");
	line_remember(&line, "");
	type("new\x1b[A");
	EXPECT_STR(line.text, "two");
	type("\x1b[A\x1b[A\x1b[A");
	EXPECT_STR(line.text, "one");
	type("\x1b[B\x1b[B");
	EXPECT_STR(line.text, "new");
	type("\x1b[B");
	EXPECT_STR(line.text, "new");
	type("\x10\x10\x0e");
	EXPECT_STR(line.text, "two");
}

TEST(history_is_a_ring)
{
	char text[16];

	start();
	for (int i = 0; i < 3 * LINE_HISTORY; i++) {
		snprintf(text, sizeof(text), "%d", i);
		line_remember(&line, text);
	}
	EXPECT_STR(line_history(&line, 1), "47");
	EXPECT_STR(line_history(&line, LINE_HISTORY), "32");
	EXPECT(!line_history(&line, LINE_HISTORY + 1));
	EXPECT(!line_history(&line, 0));
}

TEST(completion)
{
	start();
	type("he\t");
	EXPECT_STR(line.text, "help ");
	type("\x15mem\t"); /* two: nothing to add, they are listed */
	EXPECT_STR(line.text, "mem");
	EXPECT(strstr(scrolled, "meminfo  memmap"));
	type("i\t; d\t");
	EXPECT_STR(line.text, "meminfo ; dt ");
	type("/s\t");
	EXPECT_STR(line.text, "meminfo ; dt /soc");
	type("/\t"); /* complete, and goes on below: no blank */
	EXPECT_STR(line.text, "meminfo ; dt /soc/");
	type(" \t");
	EXPECT_STR(line.text, "meminfo ; dt /soc/ ");
	type("\x15zzz\t");
	EXPECT_STR(line.text, "zzz");
	type("\x01h\t"); /* before other text */
	EXPECT_STR(line.text, "hzzz");
	type("e\t");
	EXPECT_STR(line.text, "help zzz");
}

TEST(full_line)
{
	start();
	for (int i = 0; i < LINE_MAX + 50; i++)
		type(i % 10 ? "x" : "o");
	EXPECT_EQ(line.len, LINE_MAX);
	type("\x01");
	EXPECT_EQ(line.left, 0);
	type("y");
	EXPECT_EQ(line.len, LINE_MAX);
	type("\x04y");
	EXPECT_EQ(line.text[0], 'y');
}

/* The model: a text and a cursor, changed the obvious way. */
static char model[LINE_MAX + 1];
static size_t model_cursor;

static void model_key(char key)
{
	size_t len = strlen(model);

	switch (key) {
	case 1:
		model_cursor = 0;
		break;
	case 5:
		model_cursor = len;
		break;
	case 2:
		model_cursor -= model_cursor > 0;
		break;
	case 6:
		model_cursor += model_cursor < len;
		break;
	case 8:
		if (!model_cursor)
			break;
		model_cursor--;
		/* fall through */
	case 4:
		if (model_cursor < len)
			memmove(model + model_cursor, model + model_cursor + 1, len - model_cursor);
		break;
	case 11:
		model[model_cursor] = '\0';
		break;
	case 21:
		memmove(model, model + model_cursor, len - model_cursor + 1);
		model_cursor = 0;
		break;
	default:
		if (len == LINE_MAX)
			break;
		memmove(model + model_cursor + 1, model + model_cursor, len - model_cursor + 1);
		model[model_cursor++] = key;
	}
}

TEST(random_keys_against_the_model)
{
	static const char controls[] = { 1, 5, 2, 2, 2, 6, 6, 8, 8, 4, 4, 11, 21 };

	start();
	model[0] = '\0';
	model_cursor = 0;
	for (int i = 0; i < 200000; i++) {
		char key[2] = { (char)rnd_range(' ', 0x7f), 0 };
		bool seldom = rnd_below(200) == 0;

		if (rnd_below(4) == 0)
			key[0] = controls[rnd_below(sizeof(controls) - (seldom ? 0 : 2))];
		type(key);
		model_key(key[0]);
		EXPECT_STR(line.text, model);
		EXPECT_EQ(line.cursor, model_cursor);
	}
}

TEST(random_bytes_do_no_harm)
{
	start();
	for (int i = 0; i < 200000; i++) {
		enum line_event event = line_feed(&line, (char)rnd());

		EXPECT(line.len <= LINE_MAX && line.cursor <= line.len);
		EXPECT_EQ(line.text[line.len], 0);
		if (event != LINE_DONE)
			continue;
		line_remember(&line, line.text);
		line_start(&line);
	}
}
