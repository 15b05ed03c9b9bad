/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * line.h - editing one line on a terminal; see line.c
 *
 * Pure: characters go in, characters for the terminal come out through a hook.
 */
#ifndef SHELL_LINE_H
#define SHELL_LINE_H

#include <base/types.h>
#include <shell/shell.h>

#define LINE_MAX     255 /* characters of a line */
#define LINE_HISTORY 16	 /* lines remembered */

enum line_event {
	LINE_MORE,   /* the line is still being typed */
	LINE_DONE,   /* Enter: the line is in line.text */
	LINE_CANCEL, /* ^C: the line is empty again */
};

struct line_hooks {
	/* Send to the terminal. */
	void (*out)(const char *s, size_t n);
	/* Offer words: commands if @command is NULL, else first arguments of @command. */
	void (*complete)(const char *command, const char *prefix, shell_offer_fn offer, void *ctx);
};

struct line {
	const struct line_hooks *hooks;
	const char *prompt;
	char text[LINE_MAX + 1]; /* NUL-terminated */
	unsigned len, cursor;	 /* characters; cursor <= len */
	unsigned left;		 /* first character on the screen, of a line that is too wide */
	unsigned char escape;	 /* how far into an escape sequence: see line.c */
	unsigned char argument;	 /* the number in it */
	bool was_cr;		 /* the last character was CR: an LF now is its other half */

	char history[LINE_HISTORY][LINE_MAX + 1];
	unsigned nr_history;	  /* lines ever remembered; the last LINE_HISTORY are there */
	unsigned back;		  /* how far back the text on screen comes from; 0: it's new */
	char draft[LINE_MAX + 1]; /* the new text while another is on screen */
};

void line_init(struct line *l, const struct line_hooks *hooks, const char *prompt);

/* line_start - empty the line and show the prompt. */
void line_start(struct line *l);

/* line_feed - one character from the terminal. */
enum line_event line_feed(struct line *l, char c);

/* line_remember - append to the history, unless empty or as the line before. */
void line_remember(struct line *l, const char *text);

/* line_history - the line @back steps ago (1: the last), or NULL. */
const char *line_history(const struct line *l, unsigned back);

#endif
