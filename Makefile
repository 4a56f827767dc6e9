# SPDX-License-Identifier: MIT
# vqtrace: one non-recursive Makefile; a new source file needs no edit here.
#   make               build/vqtrace; WERROR=1 for warnings as errors, V=1 shows commands,
#                      SANITIZE=address,undefined builds instrumented into build/san
#   make static        build/vqtrace-guest, a static program for an initramfs
#   make demo          set up, record a real guest, show it
#   make check         the quick tests
#   make test          all tests; installs what they need
#   make test-world    tests that need large programs of others (Prometheus, systemd, Chromium), or build
#                      packages and install them in a Debian of their own: installs what they need
#   make bench         measure: ratios against peers; QUICK=1 to see that it runs
#   make soak          record, top and serve under load for MINUTES=30: does anything leak?
#   make deps          install what building and tests need
#   make install       program, library, manual pages, completion, traces (PREFIX, DESTDIR; COMPDIR, ZSHDIR,
#                      FISHDIR: of bash, zsh, fish), and what Wireshark needs (WIRESHARKDIR;
#                      alone: install-wireshark); uninstall
#   make library       libvqtrace, the shared library (make all builds it, too)
#   make install-program install-library   each alone; the library is header, pkg-config, examples, too
#   make install-guest what 'make static' builds, and its manual page
#   make deb           Debian packages of both in build/deb, from .packaging/debian
#   make rpm           RPM packages of both in build/rpm, from .packaging/vqtrace.spec
#   make clean         what was built; distclean: what was downloaded, too
#   make guest qemu11  the guest that is booted, and a second QEMU, unpacked in build/
#   make qemu10        a third QEMU, of the release between
#   make recorder      the guest with vqtrace in it
#   make tests sanitized tools fuzz blkio    only build: tests (also with sanitizers),
#                      their tools, fuzz targets, a client
#   make fuzz-long     each fuzz target for MINUTES=10 of processor time, MOST= if it still finds more; TARGETS= chooses
#   make coverage      of emu/ by its unit tests
#   make format        the whole tree, as .clang-format says
# Written anew, to be looked at and committed:
#   make regression    what tests expect of traces/
#   make conformance   traces/CONFORMANCE.md: drivers against devices, recorded
#   make pictures screens          cli/man/*.svg and top-screens.md, of real runs
#   make fuzz-merge    tests/fuzz/corpus: what fuzz-long has found that adds coverage
#   make hangs         cli/man/hangs.md: what stuck answers for machines that hang
#   make known differences         decoder/check/KNOWN.md, emu/DIFFERENCES.md, from tests

CC ?= cc
CLANG ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool /usr/local/sbin/bpftool) bpftool)
PKG_CONFIG ?= pkg-config
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
COMPDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR ?= $(PREFIX)/share/zsh/site-functions
FISHDIR ?= $(PREFIX)/share/fish/vendor_completions.d
DATADIR ?= $(PREFIX)/share/vqtrace
UNITDIR ?= $(PREFIX)/lib/systemd/system
SYSCONFDIR ?= /etc
# Where Wireshark looks for plugins, and for programs that capture: Debian's is made with PREFIX=/usr.
WIRESHARKDIR ?= $(PREFIX)/lib/$(shell $(CC) -print-multiarch 2>/dev/null)/wireshark/plugins
EXTCAPDIR ?= $(WIRESHARKDIR:%/plugins=%/extcap)
VERSION := 0.1

JOBS := $(shell nproc 2>/dev/null || echo 2)
BUILD := $(if $(SANITIZE),build/san,build)

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-8s %s\n'
MAKEFLAGS += --no-print-directory
endif

.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: all library check test demo clean install uninstall bench help deps
all: $(BUILD)/vqtrace library

LIBS := libbpf libelf libdw libpcap ncursesw json-c liburing libseccomp libmicrohttpd libprotobuf-c zlib
CPPFLAGS += -D_GNU_SOURCE -I. -I$(BUILD) -DVQTRACE_VERSION='"$(VERSION)"' \
	-DVQTRACE_DATADIR='"$(DATADIR)"'
CFLAGS ?= -O2 -g
# A struct may hold another without a name (model_request a class_request), as in Linux.
C_DIALECT := -std=gnu11 -fms-extensions -Wno-microsoft-anon-tag
ALL_CFLAGS := $(C_DIALECT) -Wall -Wextra -Wno-unused-parameter -Wmissing-prototypes \
	-Wstrict-prototypes $(if $(WERROR),-Werror) \
	$(CFLAGS) $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=all)
ALL_LDFLAGS := $(LDFLAGS) $(if $(SANITIZE),-fsanitize=$(SANITIZE))
# Asked once, when something is really built: a fresh machine has no .pc files yet.
LDLIBS = $(or $(PKG_LIBS),$(eval PKG_LIBS := $(shell $(PKG_CONFIG) --libs $(LIBS)))$(PKG_LIBS)) -lZydis -lpthread -lm

# --- sources ------------------------------------------------------------------
sources = $(sort $(shell find $(1) -name '$(2)'))
DECODER_SRC := $(call sources,decoder,*.c)
BPF_SRC := $(filter-out %.bpf.c,$(call sources,bpf,*.c))
BPF_OBJ := $(patsubst %.bpf.c,$(BUILD)/%.skel.h,$(call sources,bpf,*.bpf.c))
EMU_SRC := $(call sources,emu,*.c)
CLI_SRC := $(filter-out cli/main.c cli/guest/% cli/wireshark/% cli/examples/%,$(call sources,cli,*.c))
GUEST_SRC := $(call sources,cli/guest,*.c)
# flex, bison and protoc-c output
GEN_SRC := $(patsubst %.y,$(BUILD)/%.tab.c,$(call sources,decoder,*.y)) \
	$(patsubst %.l,$(BUILD)/%.lex.c,$(call sources,decoder,*.l)) \
	$(patsubst %.proto,$(BUILD)/%.pb-c.c,$(call sources,decoder,*.proto))
GEN_HDR := $(patsubst %.y,$(BUILD)/%.tab.h,$(call sources,decoder,*.y)) \
	$(patsubst %.proto,$(BUILD)/%.pb-c.h,$(call sources,decoder,*.proto))

objs = $(patsubst $(BUILD)/%.c,$(BUILD)/%.o,$(filter $(BUILD)/%,$(1))) \
	$(patsubst %.c,$(BUILD)/%.o,$(filter-out $(BUILD)/%,$(1)))
DECODER_OBJ := $(call objs,$(DECODER_SRC) $(GEN_SRC))
LIB_OBJ := $(DECODER_OBJ) $(call objs,$(BPF_SRC) $(EMU_SRC))
CLI_OBJ := $(call objs,$(CLI_SRC))

# Where traces are installed is compiled in: build those objects again when it changes.
$(shell mkdir -p $(BUILD); [ "`cat $(BUILD)/.datadir 2>/dev/null`" = "$(DATADIR)" ] || \
	echo "$(DATADIR)" > $(BUILD)/.datadir)
$(BUILD)/cli/demo/command.o: $(BUILD)/.datadir

# --- rules --------------------------------------------------------------------
$(BUILD)/vqtrace: $(call objs,cli/main.c) $(CLI_OBJ) $(BUILD)/cli/check/examples.o $(BUILD)/libvqtrace.a
	$(say) LINK $@
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LDLIBS)

# For an initramfs, from the same objects: `record -i guest` and `doctor`, no shared library.
static: $(BUILD)/vqtrace-guest
.PHONY: static
$(BUILD)/vqtrace-guest: $(call objs,$(GUEST_SRC)) $(BUILD)/libvqtrace.a
	$(say) LINK $@
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -static -Wl,--gc-sections -o $@ $^ -lbpf -lelf -lz
	$(Q)strip $@

$(BUILD)/libvqtrace.a: $(LIB_OBJ)
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) qcs $@ $^

# libvqtrace, for programs of others: decoder/api and what it needs.  In build/api, as build/libvqtrace.a
# is another thing.  SOVERSION grows when a program that was linked before would no longer run.
SOVERSION := 0
SHARED := $(BUILD)/api/libvqtrace.so.$(VERSION)
SHARED_OBJ := $(patsubst $(BUILD)/%.o,$(BUILD)/pic/%.o,$(call objs,$(foreach room,api util trace spec class \
	model fields check check/rules,$(wildcard decoder/$(room)/*.c))))
SHARED_LIBS := -lpcap -lz -lpthread -lm
library: $(SHARED)
$(SHARED): decoder/api/libvqtrace.map $(BUILD)/api/all.a
	$(say) LINK $@
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -shared -Wl,-soname,libvqtrace.so.$(SOVERSION) -Wl,--version-script=$< \
		$(if $(SANITIZE),,-Wl,-z,defs) -Wl,--gc-sections -o $@ -Wl,--whole-archive $(BUILD)/api/api.a \
		-Wl,--no-whole-archive $(BUILD)/api/all.a $(SHARED_LIBS)
	$(Q)ln -sf $(notdir $@) $(@D)/libvqtrace.so.$(SOVERSION) && ln -sf libvqtrace.so.$(SOVERSION) $(@D)/libvqtrace.so
$(BUILD)/api/all.a: $(SHARED_OBJ) # only what is needed of it
	$(Q)mkdir -p $(@D) && rm -f $@ $(@D)/api.a && $(AR) qcs $@ $^ && $(AR) qcs $(@D)/api.a $(filter $(BUILD)/pic/decoder/api/%,$^)

$(BUILD)/pic/%.o: %.c | $(GEN_HDR)
	$(say) PICCC $<
	$(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(ALL_CFLAGS) -DNDEBUG -fPIC -ffunction-sections -MMD -MP -c -o $@ $<

$(BUILD)/%.o: %.c | $(BPF_OBJ) $(GEN_HDR)
	$(say) CC $<
	$(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/%.o: $(BUILD)/%.c | $(GEN_HDR)
	$(say) CC $<
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# Asked once, before the first tool that may be missing is run: which packages are missing.
# NODEPS=1 goes on without them.
$(BUILD)/.deps: tests/deps
	$(Q)mkdir -p $(@D) && $(if $(NODEPS),:,tests/deps build) && touch $@
$(GEN_HDR) $(GEN_SRC) $(BPF_OBJ:.skel.h=.bpf.o): | $(BUILD)/.deps

$(BUILD)/%.tab.c $(BUILD)/%.tab.h: %.y
	$(say) BISON $<
	$(Q)mkdir -p $(@D) && bison -Wall -d -o $(BUILD)/$*.tab.c $<

$(BUILD)/%.lex.c: %.l
	$(say) FLEX $<
	$(Q)mkdir -p $(@D) && flex -o $@ $<

$(BUILD)/%.pb-c.c $(BUILD)/%.pb-c.h: %.proto
	$(say) PROTOC $<
	$(Q)mkdir -p $(@D) && protoc-c --c_out=$(BUILD) $<

ARCH := $(patsubst aarch64,arm64,$(patsubst x86_64,x86,$(shell uname -m)))
$(BUILD)/%.bpf.o: %.bpf.c
	$(say) BPF $<
	$(Q)mkdir -p $(@D) && $(CLANG) -g -O2 -mcpu=v3 -target bpf -D__TARGET_ARCH_$(ARCH) -Wall -Werror \
		-I. -I/usr/include/$(shell $(CC) -print-multiarch) -MMD -MP -MT $@ -c -o $@ $<

$(BUILD)/%.skel.h: $(BUILD)/%.bpf.o
	$(say) SKEL $@
	$(Q)$(BPFTOOL) gen skeleton $< name $(subst -,_,$(notdir $*))_bpf > $@

# The dissector for Wireshark: the decoder's tables, written as Lua, and what walks them.
WIRESHARK_OBJ := $(call objs,$(call sources,cli/wireshark,*.c))
# In the order in which they need each other.
WIRESHARK_LUA := $(patsubst %,cli/wireshark/%.lua,bytes text record class registers queues model \
	values meaning details tree)
$(BUILD)/wireshark/generate: $(WIRESHARK_OBJ) $(BUILD)/libvqtrace.a
	$(say) LINK $@
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LDLIBS)
$(BUILD)/wireshark/vqtrace.lua: $(BUILD)/wireshark/generate $(WIRESHARK_LUA)
	$(say) MAKE $@
	$(Q){ $< && cat $(WIRESHARK_LUA); } > $@
all: $(BUILD)/wireshark/vqtrace.lua

# --- tests --------------------------------------------------------------------
# tests/unit, tests/emu: C programs printing TAP; other .c files there are linked into each.
# tests/check: quick shell tests; tests/full: slow ones (guests, fuzzing).
TEST_SRC := $(wildcard tests/unit/*_test.c tests/emu/*_test.c)
TEST_LIB := $(call objs,$(filter-out %_test.c,$(wildcard tests/unit/*.c tests/emu/*.c)))
TEST_BIN := $(patsubst %.c,$(BUILD)/%,$(TEST_SRC))
FUZZ_SRC := $(wildcard tests/fuzz/*_fuzz.c)
FUZZ_BIN := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(FUZZ_SRC))

$(BUILD)/tests/%_test: $(BUILD)/tests/%_test.o $(TEST_LIB) $(BUILD)/libvqtrace.a
	$(say) LINK $@
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS)

# What is tested but in no library.
$(BUILD)/tests/unit/guest_output_test: $(BUILD)/cli/guest/output.o $(BUILD)/cli/guest/ptp.o
$(BUILD)/tests/unit/output_test: $(BUILD)/cli/output.o
$(BUILD)/tests/unit/accept_test: $(BUILD)/cli/metrics/accept.o

# The fuzzers take the library's sources again, instrumented.
FUZZ_FLAGS := -g -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
FUZZ_OBJ := $(patsubst $(BUILD)/%.o,build/fuzz/obj/%.o,$(LIB_OBJ) $(TEST_LIB))
build/fuzz/obj/%.o: %.c | $(BPF_OBJ) $(GEN_HDR)
	$(say) FUZZCC $<
	$(Q)mkdir -p $(@D) && $(CLANG) $(CPPFLAGS) $(C_DIALECT) $(FUZZ_FLAGS) -MMD -MP -c -o $@ $<
build/fuzz/obj/%.o: $(BUILD)/%.c | $(GEN_HDR)
	$(say) FUZZCC $<
	$(Q)mkdir -p $(@D) && $(CLANG) $(CPPFLAGS) $(C_DIALECT) $(FUZZ_FLAGS) -MMD -MP -c -o $@ $<
build/fuzz/libvqtrace.a: $(FUZZ_OBJ)
	$(Q)rm -f $@ && $(AR) qcs $@ $^
build/fuzz/%_fuzz: tests/fuzz/%_fuzz.c build/fuzz/libvqtrace.a
	$(say) FUZZLD $@
	$(Q)$(CLANG) $(CPPFLAGS) $(C_DIALECT) $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $(filter %.c %.o,$^) \
		$(filter %.a,$^) $(LDLIBS)
# What is fuzzed but in no library.
FUZZ_CLI := $(patsubst $(BUILD)/%.o,build/fuzz/obj/%.o,$(CLI_OBJ) $(BUILD)/cli/check/examples.o)
build/fuzz/http_fuzz build/fuzz/options_fuzz: $(FUZZ_CLI)
# The unit tests under ASan and UBSan, from the same objects.
SANITIZED_BIN := $(patsubst tests/%.c,build/fuzz/tests/%,$(TEST_SRC))
SANITIZED_LIB := $(patsubst $(BUILD)/%.o,build/fuzz/obj/%.o,$(TEST_LIB))
build/fuzz/tests/%_test: build/fuzz/obj/tests/%_test.o $(SANITIZED_LIB) build/fuzz/libvqtrace.a
	$(say) FUZZLD $@
	$(Q)mkdir -p $(@D) && $(CLANG) $(FUZZ_FLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS)
build/fuzz/tests/unit/guest_output_test: build/fuzz/obj/cli/guest/output.o build/fuzz/obj/cli/guest/ptp.o
build/fuzz/tests/unit/output_test: build/fuzz/obj/cli/output.o
build/fuzz/tests/unit/accept_test: build/fuzz/obj/cli/metrics/accept.o
.PHONY: fuzz sanitized
fuzz: $(FUZZ_BIN)
# Each target for minutes, with a corpus that stays in build/fuzz/corpus; TARGETS="a_fuzz b_fuzz".
.PHONY: fuzz-long fuzz-merge
fuzz-long: fuzz $(BUILD)/tests/lab/corpus $(BUILD)/vqtrace
	$(Q)tests/fuzz/long -m $(or $(MINUTES),10) $(if $(MOST),-M $(MOST)) $(TARGETS)
fuzz-merge: fuzz $(BUILD)/tests/lab/corpus $(BUILD)/vqtrace # into tests/fuzz/corpus, what is worth keeping
	$(Q)tests/fuzz/merge $(TARGETS)
sanitized: $(SANITIZED_BIN)

check: all $(TEST_BIN) tools
	$(Q)tests/run $(TEST_BIN) $(sort $(wildcard tests/check/*_test.sh))

# All tests, from nothing: installs packages, builds, also instrumented, and boots guests.
# The guests wait now and then: a few more run at the same time than there are processors.
FULL_JOBS := $(shell echo $$(($(JOBS) + ($(JOBS) + 1) / 2)))
FULL_TEST := $(sort $(wildcard tests/full/*_test.sh))
test:
	$(Q)tests/deps --install build test
	$(Q)$(MAKE) -j$(JOBS) all static recorder qemu11 qemu10 tests tools blkio fuzz sanitized
	$(Q)tests/run -j $(FULL_JOBS) $(FULL_TEST) $(SANITIZED_BIN) $(TEST_BIN) \
		$(sort $(wildcard tests/check/*_test.sh))

# What takes programs of others that are too large for make test.
.PHONY: test-world
test-world:
	$(Q)tests/deps --install build test world
	$(Q)$(MAKE) -j$(JOBS) all static tools
	$(Q)tests/run $(sort $(wildcard tests/world/*_test.sh))

.PHONY: tests tools guest recorder qemu10 qemu11
tests: $(TEST_BIN)
# Programs that the shell tests, the lab and the benchmarks run.
TOOL_BIN := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/bench/*.c tests/lab/*.c \
	$(if $(filter x86,$(ARCH)),tests/vmm/*.c)))
tools: $(TOOL_BIN)

guest: # the kernel and initramfs that demo, tests and benchmarks boot
	$(Q)tests/guest/mkguest build/guest
recorder: guest static # the same guest, with vqtrace in it
	$(Q)tests/guest/mkguest --initrd recorder --add build/vqtrace-guest build/guest
qemu11: # a second QEMU beside the system's, unpacked, never installed
	$(Q)tests/lab/fetch-qemu11 build/qemu11
qemu10: | qemu11 # and one between them; one download at a time
	$(Q)tests/lab/fetch-qemu11 --suite trixie build/qemu10

# A client of another make. Its library is one of those unpacked with QEMU 11; it alone
# is taken from there: the C library and all else are the system's.
blkio: build/blkio/client
build/blkio/client: tests/blkio/client.c | qemu11
	$(say) CC $@
	$(Q)mkdir -p $(@D) && cp -a build/qemu11/root/usr/lib/*/libblkio.so* build/qemu11/root/usr/include/blkio.h $(@D)
	$(Q)$(CC) -std=gnu11 -O2 -g -Wall -Wextra $(if $(WERROR),-Werror) -I$(@D) -o $@ $< \
		-L$(@D) -lblkio -Wl,-rpath,'$$ORIGIN'
.PHONY: blkio

.PHONY: pictures
pictures: all guest # what README shows of a real run: cli/man/*.svg
	$(Q)tests/lab/pictures cli/man

demo:
	$(Q)tests/deps --install demo
	$(Q)$(MAKE) -j$(JOBS) all recorder
	$(Q)build/vqtrace demo --guest build/guest

$(BUILD)/tests/bench/%: $(BUILD)/tests/bench/%.o $(TEST_LIB) $(BUILD)/libvqtrace.a
	$(say) LINK $@
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LDLIBS)

# The conversations in the pages of `check --explain` are those of the tests.
$(BUILD)/cli/check/examples.c: $(BUILD)/tests/lab/examples
	$(say) MAKE $@
	$(Q)mkdir -p $(@D) && $< > $@

$(BUILD)/tests/lab/examples: $(TEST_LIB)
$(BUILD)/tests/lab/%: $(BUILD)/tests/lab/%.o $(BUILD)/libvqtrace.a
	$(say) LINK $@
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS)

$(BUILD)/tests/vmm/%: $(BUILD)/tests/vmm/%.o $(BUILD)/libvqtrace.a
	$(say) LINK $@
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LDLIBS)

.PHONY: coverage
coverage: $(BUILD)/libvqtrace.a # of emu/ by its unit tests, by line
	$(Q)CC="$(CC)" LIBS="$(LDLIBS)" tests/emu/coverage $(BUILD)

.PHONY: format
format:
	$(Q)git ls-files -co --exclude-standard '*.[ch]' | xargs clang-format-14 -i

.PHONY: differences
differences: $(BUILD)/tests/emu/bad_input_test $(BUILD)/tests/emu/violation_test # a table of the documentation
	$(Q){ $(BUILD)/tests/emu/bad_input_test --markdown && $(BUILD)/tests/emu/violation_test --markdown; \
		} > emu/DIFFERENCES.md

screens: $(BUILD)/vqtrace # of top, for the documentation
	$(Q)tests/deps --install test
	$(Q)tests/lab/screens >$(BUILD)/top-screens.md && mv $(BUILD)/top-screens.md cli/man/top-screens.md

.PHONY: screens

.PHONY: hangs
hangs: # what stuck answers for machines that hang: cli/man/hangs.md, of real ones
	$(Q)tests/deps --install test
	$(Q)$(MAKE) -j$(JOBS) all guest qemu11 tools
	$(Q)tests/lab/hangs cli/man/hangs.md

.PHONY: known
known: $(BUILD)/tests/unit/check_known_test # the violations that shipped, and their rules
	$(Q)$(BUILD)/tests/unit/check_known_test --markdown > decoder/check/KNOWN.md

# Ratios against peers in interleaved runs; nothing is asserted. See tests/bench/README.md.
bench:
	$(Q)tests/deps --install build bench
	$(Q)$(MAKE) -j$(JOBS) all static guest qemu11 tools blkio
	$(Q)tests/bench/run $(if $(QUICK),-q)

.PHONY: soak
soak:
	$(Q)$(MAKE) -j$(JOBS) all guest qemu11
	$(Q)tests/bench/soak $(or $(MINUTES),30)

# Independent drivers against independent devices: recorded, checked, traces/CONFORMANCE.md.
# First the tests of tests/full that run fewer combinations in make test, with all of them.
.PHONY: conformance
conformance:
	$(Q)tests/deps --install build test conformance
	$(Q)$(MAKE) -j$(JOBS) all guest qemu11 tools blkio
	$(Q)tests/guest/mkguest --suite bookworm-backports build/guest-backports
	$(Q)tests/guest/mkguest --arch arm64 build/guest-arm64
	$(Q)tests/guest/mkguest --arch riscv64 --suite trixie build/guest-riscv64
	$(Q)VQT_MATRIX=all tests/run -j $(FULL_JOBS) $(shell grep -lE 'VQT_MATRIX|check_more' $(FULL_TEST))
	$(Q)tests/lab/conformance

# What is expected of the traces in traces/, written anew: look at the difference.
.PHONY: regression
regression: all tools
	$(Q)tests/check/golden_test.sh --update
	$(Q)tests/check/regression_test.sh --update
	$(Q)tests/check/screens_test.sh --update
	$(Q)tests/check/export_test.sh --update
	$(Q)tests/check/schema_test.sh --update
	$(Q)tests/check/report_test.sh --update

deps:
	$(Q)tests/deps --install build test

# --- installation -------------------------------------------------------------
install: install-program install-library
.PHONY: install-program
install-program: all
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man5 \
		$(DESTDIR)$(MANDIR)/man7 $(DESTDIR)$(DATADIR)/traces $(DESTDIR)$(UNITDIR)
	install -m 755 $(BUILD)/vqtrace $(DESTDIR)$(BINDIR)/vqtrace
	install -m 644 cli/man/*.1 $(DESTDIR)$(MANDIR)/man1
	install -m 644 cli/man/*.5 $(DESTDIR)$(MANDIR)/man5
	install -m 644 cli/man/*.7 $(DESTDIR)$(MANDIR)/man7
	install -D -m 644 cli/completion/vqtrace.bash $(DESTDIR)$(COMPDIR)/vqtrace
	install -D -m 644 cli/completion/_vqtrace $(DESTDIR)$(ZSHDIR)/_vqtrace
	install -D -m 644 cli/completion/vqtrace.fish $(DESTDIR)$(FISHDIR)/vqtrace.fish
	install -m 644 traces/*.pcap* traces/*.declared $(DESTDIR)$(DATADIR)/traces
	install -D -m 644 -t $(DESTDIR)$(DATADIR)/schema cli/schema/*.json
	install -D -m 644 -t $(DESTDIR)$(DATADIR)/examples cli/examples/requests.py
	install -m 644 cli/operators/grafana-dashboard.json cli/operators/prometheus-alerts.yml $(DESTDIR)$(DATADIR)
	sed 's|@BINDIR@|$(BINDIR)|' cli/operators/vqtrace-metrics.service >$(DESTDIR)$(UNITDIR)/vqtrace-metrics.service
	chmod 644 $(DESTDIR)$(UNITDIR)/vqtrace-metrics.service
	[ -e $(DESTDIR)$(DEFAULTS) ] || install -D -m 644 cli/operators/vqtrace-metrics.default $(DESTDIR)$(DEFAULTS)

# The library alone; where it goes to the machine itself, the loader is told of it.
.PHONY: install-library
install-library: library
	install -D -m 644 -t $(DESTDIR)$(LIBDIR) $(SHARED)
	ln -sf $(notdir $(SHARED)) $(DESTDIR)$(LIBDIR)/libvqtrace.so.$(SOVERSION)
	ln -sf libvqtrace.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/libvqtrace.so
	install -D -m 644 -t $(DESTDIR)$(INCLUDEDIR) decoder/api/vqtrace.h
	install -D -m 644 -t $(DESTDIR)$(MANDIR)/man3 cli/man/libvqtrace.3
	install -D -m 644 -t $(DESTDIR)$(DATADIR)/examples cli/examples/*.c
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig
	sed 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@INCLUDEDIR@|$(INCLUDEDIR)|; s|@VERSION@|$(VERSION)|' \
		decoder/api/libvqtrace.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/libvqtrace.pc
	chmod 644 $(DESTDIR)$(LIBDIR)/pkgconfig/libvqtrace.pc
	$(if $(DESTDIR),,-ldconfig)

# Options of the unit, which an administrator may have changed: installed once, removed if unchanged.
DEFAULTS = $(SYSCONFDIR)/default/vqtrace-metrics

.PHONY: install-guest
install-guest: static
	install -D -m 755 $(BUILD)/vqtrace-guest $(DESTDIR)$(BINDIR)/vqtrace-guest
	install -D -m 644 cli/guest/vqtrace-guest.1 $(DESTDIR)$(MANDIR)/man1/vqtrace-guest.1

.PHONY: install-wireshark
install: install-wireshark
install-wireshark: $(BUILD)/wireshark/vqtrace.lua
	install -D -m 644 $< $(DESTDIR)$(WIRESHARKDIR)/vqtrace.lua
	install -d $(DESTDIR)$(EXTCAPDIR)
	ln -sfn $(BINDIR)/vqtrace $(DESTDIR)$(EXTCAPDIR)/vqtrace
	install -D -m 644 cli/wireshark/colorfilters $(DESTDIR)$(DATADIR)/wireshark/colorfilters

uninstall:
	rm -f $(DESTDIR)$(BINDIR)/vqtrace $(DESTDIR)$(BINDIR)/vqtrace-guest $(DESTDIR)$(MANDIR)/man1/vqtrace*.1 \
		$(DESTDIR)$(MANDIR)/man5/vqtrace*.5 $(DESTDIR)$(MANDIR)/man7/vqtrace*.7 \
		$(DESTDIR)$(COMPDIR)/vqtrace $(DESTDIR)$(ZSHDIR)/_vqtrace $(DESTDIR)$(FISHDIR)/vqtrace.fish \
		$(DESTDIR)$(UNITDIR)/vqtrace-metrics.service \
		$(DESTDIR)$(WIRESHARKDIR)/vqtrace.lua $(DESTDIR)$(EXTCAPDIR)/vqtrace \
		$(DESTDIR)$(LIBDIR)/libvqtrace.so* $(DESTDIR)$(LIBDIR)/pkgconfig/libvqtrace.pc \
		$(DESTDIR)$(INCLUDEDIR)/vqtrace.h $(DESTDIR)$(MANDIR)/man3/libvqtrace.3
	! cmp -s cli/operators/vqtrace-metrics.default $(DESTDIR)$(DEFAULTS) || rm -f $(DESTDIR)$(DEFAULTS)
	rm -rf $(DESTDIR)$(DATADIR)

# From what git knows of; the packaging files are in a folder that the top level does not show.
.PHONY: deb
deb:
	$(Q)tests/deps --install build package
	$(Q).packaging/deb $(BUILD)/deb $(VERSION)

# By rpmbuild, which Debian has, too; what Fedora calls the build's requirements is not checked here.
.PHONY: rpm
rpm:
	$(Q)tests/deps --install build rpm
	$(Q).packaging/rpm $(BUILD)/rpm $(VERSION)

# What was downloaded stays, and what fuzzing has found; distclean takes that, too.
.PHONY: distclean
clean:
	$(say) CLEAN build
	$(Q)if [ -d build ]; then find build -mindepth 1 -maxdepth 1 ! -name 'guest*' ! -name 'qemu1?' \
		! -name fuzz -exec rm -rf {} +; fi
	$(Q)if [ -d build/fuzz ]; then find build/fuzz -mindepth 1 -maxdepth 1 ! -name corpus ! -name found \
		-exec rm -rf {} +; fi

distclean:
	$(Q)rm -rf build

help:
	@sed -n '2,/^$$/s/^# \{0,1\}//p' Makefile

.SECONDARY:
-include $(patsubst %.o,%.d,$(LIB_OBJ) $(SHARED_OBJ) $(CLI_OBJ) $(WIRESHARK_OBJ) $(call objs,cli/main.c $(GUEST_SRC)) $(TEST_LIB) $(FUZZ_OBJ) $(FUZZ_CLI) $(SANITIZED_LIB) build/fuzz/obj/cli/guest/output.o build/fuzz/obj/cli/guest/ptp.o) \
	$(BUILD)/cli/check/examples.d $(addsuffix .d,$(TEST_BIN) $(TOOL_BIN)) $(patsubst build/fuzz/tests/%,build/fuzz/obj/tests/%.d,$(SANITIZED_BIN)) $(BPF_OBJ:.skel.h=.bpf.d)
