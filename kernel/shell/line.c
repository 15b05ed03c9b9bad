/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * line.c - editing one line on a terminal
 *
 * The terminal is taken to understand CR, BS, ESC[K (erase to the end of the line) and
 * ESC[nD (n to the left), and to be WIDTH columns wide; nothing is asked of it.  A line
 * that is wider scrolls sideways: characters [left, left + room) are shown.
 *
 * Invariants: text[len] == 0; cursor <= len <= LINE_MAX; left <= cursor <= left + room.
 * Between calls, screen and cursor show what the struct says.
 *
 * Keys: arrows, Home, End, Delete, Backspace, Tab, Enter and ^A ^B ^C ^D ^E ^F ^H ^K ^L
 * ^N ^P ^U ^W as in Emacs and most shells.  Other control characters do nothing.
 */
#include <shell/line.h>

#include <stdio.h>
#include <string.h>

#define WIDTH	80
#define CTRL(c) ((c)&0x1f)
#define ESC	0x1b
#define DEL	0x7f

enum escape_state {
	ESCAPE_NONE,
	ESCAPE_SEEN, /* ESC */
	ESCAPE_CSI,  /* ESC [ and perhaps digits, which `argument` has */
	ESCAPE_SS3,  /* ESC O */
};

static void out(const struct line *l, const char *s)
{
	l->hooks->out(s, strlen(s));
}

static unsigned room(const struct line *l)
{
	return WIDTH - 1 - (unsigned)strlen(l->prompt);
}

/* Draw the whole line anew. */
static void redraw(struct line *l)
{
	unsigned shown, behind;
	char move[16];

	if (l->cursor < l->left)
		l->left = l->cursor;
	if (l->cursor > l->left + room(l))
		l->left = l->cursor - room(l);
	shown = min(l->len - l->left, room(l));
	behind = l->left + shown - l->cursor;

	out(l, "\r");
	out(l, l->prompt);
	l->hooks->out(l->text + l->left, shown);
	out(l, "\x1b[K");
	if (behind) {
		snprintf(move, sizeof(move), "\x1b[%uD", behind);
		out(l, move);
	}
}

static void set_text(struct line *l, const char *text)
{
	l->len = (unsigned)strnlen(text, LINE_MAX);
	memcpy(l->text, text, l->len);
	l->text[l->len] = '\0';
	l->cursor = l->len;
	l->left = 0;
	redraw(l);
}

static void insert(struct line *l, const char *s, unsigned n)
{
	if (n > LINE_MAX - l->len) {
		out(l, "\a");
		return;
	}
	memmove(l->text + l->cursor + n, l->text + l->cursor, l->len - l->cursor + 1);
	memcpy(l->text + l->cursor, s, n);
	l->len += n;
	l->cursor += n;
	if (l->cursor == l->len && l->len <= l->left + room(l))
		l->hooks->out(s, n);
	else
		redraw(l);
}

/* Take out the characters [from, to); the cursor ends at @from. */
static void erase(struct line *l, unsigned from, unsigned to)
{
	if (from >= to)
		return;
	memmove(l->text + from, l->text + to, l->len - to + 1);
	l->len -= to - from;
	l->cursor = from;
	redraw(l);
}

static void move_to(struct line *l, unsigned cursor)
{
	if (cursor > l->len || cursor == l->cursor)
		return;
	l->cursor = cursor;
	redraw(l);
}

static unsigned word_start(const struct line *l)
{
	unsigned at = l->cursor;

	while (at && l->text[at - 1] == ' ')
		at--;
	while (at && l->text[at - 1] != ' ')
		at--;
	return at;
}

/* ---- history ---- */

const char *line_history(const struct line *l, unsigned back)
{
	if (!back || back > min(l->nr_history, (unsigned)LINE_HISTORY))
		return NULL;
	return l->history[(l->nr_history - back) % LINE_HISTORY];
}

void line_remember(struct line *l, const char *text)
{
	const char *last = line_history(l, 1);
	char *slot = l->history[l->nr_history % LINE_HISTORY];

	if (!*text || (last && !strcmp(last, text)))
		return;
	strncpy(slot, text, LINE_MAX);
	slot[LINE_MAX] = '\0';
	l->nr_history++;
}

static void show_history(struct line *l, unsigned back)
{
	const char *text = back ? line_history(l, back) : l->draft;

	if (!text)
		return;
	if (!l->back)
		memcpy(l->draft, l->text, l->len + 1);
	l->back = back;
	set_text(l, text);
}

/* ---- completion ---- */

/* What the words offered that begin with `prefix` have in common. */
struct candidates {
	struct line *line;
	const char *prefix;
	char common[LINE_MAX + 1];
	unsigned nr;
	bool list; /* print them instead */
};

static void offer(void *ctx, const char *word)
{
	struct candidates *c = ctx;
	size_t n = 0;

	if (strncmp(word, c->prefix, strlen(c->prefix)))
		return;
	if (c->list) {
		out(c->line, word);
		out(c->line, "  ");
		return;
	}
	if (!c->nr++) {
		strncpy(c->common, word, LINE_MAX);
		return;
	}
	while (c->common[n] && c->common[n] == word[n])
		n++;
	c->common[n] = '\0';
}

/*
 * The word before the cursor: copies it to @prefix and the command that it is the first
 * argument of to @command.  false if it is neither a command nor a first argument.
 */
static bool word_at_cursor(const struct line *l, char *prefix, char *command)
{
	const char *end = l->text + l->cursor, *s = l->text;
	const char *word[2] = { NULL, NULL };
	size_t len[2] = { 0, 0 };
	unsigned nr = 0;

	for (const char *p = l->text; p < end; p++)
		if (*p == ';')
			s = p + 1;
	while (s < end) {
		while (s < end && *s == ' ')
			s++;
		if (nr == 2)
			return false;
		for (word[nr] = s; s < end && *s != ' '; s++)
			len[nr]++;
		nr++;
	}
	prefix[0] = command[0] = '\0';
	if (nr == 2) {
		memcpy(command, word[0], len[0]);
		command[len[0]] = '\0';
	}
	if (nr) {
		memcpy(prefix, word[nr - 1], len[nr - 1]);
		prefix[len[nr - 1]] = '\0';
	}
	return true;
}

static void complete(struct line *l)
{
	char prefix[LINE_MAX + 1], command[LINE_MAX + 1];
	struct candidates c = { .line = l, .prefix = prefix };
	const char *cmd = command;
	size_t typed, known;

	if (!word_at_cursor(l, prefix, command))
		return;
	if (!*command)
		cmd = NULL;
	l->hooks->complete(cmd, prefix, offer, &c);
	if (!c.nr) {
		out(l, "\a");
		return;
	}
	typed = strlen(prefix);
	known = strlen(c.common);
	if (c.nr == 1 && known && c.common[known - 1] != '/' && known < LINE_MAX)
		strcpy(c.common + known++, " ");
	if (known > typed) {
		insert(l, c.common + typed, (unsigned)(known - typed));
		return;
	}
	if (c.nr > 1) {
		out(l, "\n");
		c.list = true;
		l->hooks->complete(cmd, prefix, offer, &c);
		out(l, "\n");
		redraw(l);
	}
}

/* ---- keys ---- */

static void home(struct line *l)
{
	move_to(l, 0);
}

static void end(struct line *l)
{
	move_to(l, l->len);
}

static void delete_under(struct line *l)
{
	if (l->cursor < l->len)
		erase(l, l->cursor, l->cursor + 1);
}

/* The last character of an escape sequence: an arrow, or '~' after a number. */
static void escape_key(struct line *l, char c)
{
	switch (c == '~' ? l->argument : c) {
	case 'A':
		show_history(l, l->back + 1);
		break;
	case 'B':
		if (l->back)
			show_history(l, l->back - 1);
		break;
	case 'C':
		move_to(l, l->cursor + 1);
		break;
	case 'D':
		move_to(l, l->cursor - 1);
		break;
	case 'H':
	case 1:
	case 7:
		home(l);
		break;
	case 'F':
	case 4:
	case 8:
		end(l);
		break;
	case 3:
		delete_under(l);
		break;
	}
}

static void feed_escape(struct line *l, char c)
{
	if (l->escape == ESCAPE_SEEN && (c == '[' || c == 'O')) {
		l->escape = c == '[' ? ESCAPE_CSI : ESCAPE_SS3;
		l->argument = 0;
	} else if (l->escape == ESCAPE_CSI && c >= '0' && c <= '9') {
		l->argument = (unsigned char)(l->argument * 10 + (c - '0'));
	} else if (l->escape == ESCAPE_CSI && c >= 0x20 && c < 0x40) {
		; /* ESC[1;5C and the like: what stands before the last character is skipped */
	} else {
		if (l->escape != ESCAPE_SEEN)
			escape_key(l, c);
		l->escape = ESCAPE_NONE;
	}
}

static void feed_control(struct line *l, char c)
{
	switch (c) {
	case CTRL('A'):
		home(l);
		break;
	case CTRL('B'):
		move_to(l, l->cursor - 1);
		break;
	case CTRL('D'):
		delete_under(l);
		break;
	case CTRL('E'):
		end(l);
		break;
	case CTRL('F'):
		move_to(l, l->cursor + 1);
		break;
	case CTRL('H'):
	case DEL:
		if (l->cursor)
			erase(l, l->cursor - 1, l->cursor);
		break;
	case '\t':
		complete(l);
		break;
	case CTRL('K'):
		l->text[l->len = l->cursor] = '\0';
		redraw(l);
		break;
	case CTRL('L'):
		out(l, "\x1b[H\x1b[2J");
		redraw(l);
		break;
	case CTRL('N'):
		escape_key(l, 'B');
		break;
	case CTRL('P'):
		escape_key(l, 'A');
		break;
	case CTRL('U'):
		erase(l, 0, l->cursor);
		break;
	case CTRL('W'):
		erase(l, word_start(l), l->cursor);
		break;
	case ESC:
		l->escape = ESCAPE_SEEN;
		break;
	}
}

enum line_event line_feed(struct line *l, char c)
{
	bool second_half = l->was_cr && c == '\n';

	l->was_cr = c == '\r';
	if (second_half)
		return LINE_MORE;
	if (c == '\r' || c == '\n') {
		l->escape = ESCAPE_NONE;
		out(l, "\n");
		return LINE_DONE;
	}
	if (c == CTRL('C')) {
		out(l, "^C\n");
		line_start(l);
		return LINE_CANCEL;
	}
	if (l->escape)
		feed_escape(l, c);
	else if ((unsigned char)c < ' ' || c == DEL)
		feed_control(l, c);
	else if ((unsigned char)c < DEL)
		insert(l, &c, 1);
	return LINE_MORE;
}

void line_init(struct line *l, const struct line_hooks *hooks, const char *prompt)
{
	memset(l, 0, sizeof(*l));
	l->hooks = hooks;
	l->prompt = prompt;
}

void line_start(struct line *l)
{
	l->text[0] = '\0';
	l->len = l->cursor = l->left = l->back = 0;
	l->escape = ESCAPE_NONE;
	out(l, l->prompt);
}
