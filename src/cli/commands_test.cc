#include "cli/commands.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "absl/strings/str_split.h"
#include "base/strings.h"
#include "cli/staging_flag.h"

namespace millrace::cli {
namespace {

// What one command line prints and returns.
struct Ran {
  int code = 0;
  std::string out, err;
};

Ran RunLine(const std::vector<std::string>& args) {
  std::ostringstream out, err;
  Context context{.out = out, .err = err, .environment = [](std::string_view) {
                    return std::optional<std::string>();
                  }};
  const int code = Dispatch(AllCommands(), args, context);
  return {code, out.str(), err.str()};
}

TEST(Commands, TheReferencePageIsCurrent) {
  const std::string path = MILLRACE_SOURCE_DIR "/docs/cli.md";
  const std::string page = CommandsAsMarkdown(AllCommands());
  if (std::getenv("MILLRACE_UPDATE_DOCS") != nullptr) std::ofstream(path) << page;
  std::ifstream file(path);
  const std::string written((std::istreambuf_iterator<char>(file)), {});
  EXPECT_EQ(written, page) << "run this test with MILLRACE_UPDATE_DOCS=1 to write " << path;
}

TEST(Commands, EveryVerbHasHelpWithAnExample) {
  for (const Command& command : AllCommands()) {
    std::vector<std::string> args;
    std::istringstream words(command.name);
    for (std::string word; words >> word;) args.push_back(word);
    args.push_back("--help");
    const Ran ran = RunLine(args);
    EXPECT_EQ(ran.code, kAllAccepted) << command.name;
    EXPECT_NE(ran.out.find("Examples:\n  "), std::string::npos) << command.name;
    for (const Flag& flag : command.flags) {
      EXPECT_NE(ran.out.find(flag.name), std::string::npos) << command.name << " " << flag.name;
    }
  }
}

TEST(Commands, TheOverviewNamesEveryVerbOnALineOfItsOwn) {
  const Ran help = RunLine({"--help"});
  EXPECT_EQ(help.code, kAllAccepted);
  EXPECT_EQ(help.err, "");
  std::istringstream lines(help.out);
  std::set<std::string> shown;
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    EXPECT_LE(line.size(), 80u) << line;
    shown.insert(line);
  }
  EXPECT_LE(count, 50) << "one page";
  for (const Command& command : AllCommands()) {
    EXPECT_TRUE(shown.contains(command.group + ":")) << command.group;
    const auto is_its_line = [&](const std::string& line) {
      return line.starts_with("  " + command.name + "  ") && line.ends_with(command.summary);
    };
    EXPECT_EQ(std::count_if(shown.begin(), shown.end(), is_its_line), 1) << command.name;
  }
  EXPECT_EQ(RunLine({"-h"}).out, help.out);
  EXPECT_EQ(RunLine({"help"}).out, help.out);
  EXPECT_EQ(RunLine({"help", "dlq", "show"}).out, RunLine({"dlq", "show", "--help"}).out);
}

TEST(Commands, FlagsAreKebabCaseAndUniqueWithinAVerb) {
  for (const Command& command : AllCommands()) {
    std::set<std::string> seen;
    for (const Flag& flag : command.flags) {
      std::vector<std::string> names = flag.aliases;
      names.push_back(flag.name);
      for (const std::string& name : names) {
        EXPECT_TRUE(seen.insert(name).second) << command.name << " has " << name << " twice";
        EXPECT_TRUE(name.starts_with("--")) << name;
      }
      EXPECT_FALSE(flag.doc.empty()) << command.name << " " << flag.name;
    }
  }
}

TEST(Commands, UnknownVerbsAndFlagsAreUsageErrorsWithNothingOnStdout) {
  for (const std::vector<std::string>& args : {std::vector<std::string>{},
                                               {"frobnicate"},
                                               {"import", "--frob"},
                                               {"dlq"},
                                               {"dlq", "frob"}}) {
    const Ran ran = RunLine(args);
    EXPECT_EQ(ran.code, kWrongUsage);
    EXPECT_EQ(ran.out, "");
    EXPECT_NE(ran.err, "");
  }
}

TEST(Dispatch, TakesValuesFromFlagsThenFromTheEnvironment) {
  std::string given = "default", from_environment = "default";
  int64_t number = 7;
  Command command{
      .name = "verb",
      .summary = "s",
      .flags =
          {{.name = "--given", .target = &given, .value = "V", .doc = "d", .env = "GIVEN"},
           {.name = "--env", .target = &from_environment, .value = "V", .doc = "d", .env = "E"},
           {.name = "--number", .target = Between(&number, 1, 9), .value = "N", .doc = "d"}},
      .run = [](Context&) { return 0; }};
  std::ostringstream out, err;
  Context context{.out = out, .err = err, .environment = [](std::string_view name) {
                    return std::optional<std::string>(StrCat("env-", name));
                  }};
  EXPECT_EQ(Dispatch({command}, {"verb", "--given", "flag"}, context), 0);
  EXPECT_EQ(given, "flag");
  EXPECT_EQ(from_environment, "env-E");
  EXPECT_EQ(number, 7);
  EXPECT_EQ(Dispatch({command}, {"verb", "--number", "seven"}, context), kWrongUsage);
  EXPECT_NE(err.str().find("'seven' is not a valid N"), std::string::npos) << err.str();
}

// Values just outside of each flag's range, as its type has them.
std::vector<std::string> OutOfRange(const FlagTarget& target) {
  struct Visitor {
    std::vector<std::string> operator()(const bool*) const { return {}; }
    std::vector<std::string> operator()(const std::string*) const { return {}; }
    std::vector<std::string> operator()(const std::vector<std::string>*) const { return {}; }
    std::vector<std::string> operator()(const Ranged<int64_t>& range) const {
      std::vector<std::string> values = {StrCat(range.min - 1)};
      if (range.max < INT64_MAX) values.push_back(StrCat(range.max + 1));
      return values;
    }
    std::vector<std::string> operator()(const Ranged<double>& range) const {
      return {StrCat(range.min - 0.5), StrCat(range.max * 2), "nan", "inf", "-inf"};
    }
    std::vector<std::string> operator()(const Ranged<absl::Duration>& range) const {
      std::vector<std::string> values = {absl::FormatDuration(range.min - absl::Nanoseconds(1)),
                                         "-1h", "-inf"};
      if (range.max < absl::InfiniteDuration()) {
        values.push_back(absl::FormatDuration(range.max + absl::Seconds(1)));
        values.push_back("inf");
      }
      return values;
    }
  };
  return std::visit(Visitor{}, target);
}

TEST(Commands, TheSandboxAcceptsOneKindOfTls) {
  EXPECT_EQ(RunLine({"sandbox", "--tls", "yes"}).code, kWrongUsage);
  EXPECT_EQ(RunLine({"sandbox", "--tls-ca", "ca.pem"}).code, kWrongUsage);
}

TEST(Commands, NumbersOutsideOfTheirRangeAreUsageErrorsThatNameTheRange) {
  int flags = 0;
  for (const Command& command : AllCommands()) {
    for (const Flag& flag : command.flags) {
      const std::string range = RangeOf(flag.target);
      const std::vector<std::string> values = OutOfRange(flag.target);
      EXPECT_EQ(range.empty(), values.empty());
      flags += range.empty() ? 0 : 1;
      for (const std::string& value : values) {
        std::vector<std::string> args = absl::StrSplit(command.name, ' ');
        args.push_back(flag.name + "=" + value);
        if (command.arguments != nullptr) args.push_back("argument");
        const Ran ran = RunLine(args);
        EXPECT_EQ(ran.code, kWrongUsage) << command.name << " " << flag.name << " " << value;
        EXPECT_NE(ran.err.find(StrCat(flag.name, ": ", value, " is out of range: give ", range)),
                  std::string::npos)
            << command.name << " " << flag.name << " " << value << ": " << ran.err;
      }
    }
  }
  EXPECT_GT(flags, 40);
}

TEST(Commands, SizesOfStagingThatMakeNoSenseAreUsageErrors) {
  for (const char* verb : {"import", "watch", "reconcile"}) {
    for (const char* size : {"0", "-5GB", "999KB", "nan", "inf", "2000000TB"}) {
      const Ran ran = RunLine({verb, "a.ndjson", StrCat("--staging-max=", size)});
      EXPECT_EQ(ran.code, kWrongUsage) << verb << " " << size;
      EXPECT_NE(ran.err.find(StrCat("--staging-max ", size, " is out of range: give at least 1MB")),
                std::string::npos)
          << ran.err;
    }
    for (const char* size : {"much", "unlimited", "5XB", "5 GB", "MB"}) {
      const Ran ran = RunLine({verb, "a.ndjson", StrCat("--staging-max=", size)});
      EXPECT_EQ(ran.code, kWrongUsage) << verb << " " << size;
      EXPECT_NE(ran.err.find(
                    StrCat("--staging-max must be a size such as 500MB or 2GB, not '", size, "'")),
                std::string::npos)
          << ran.err;
    }
  }
}

TEST(StagingFlag, IsASizeInMegabytesUnlessItHasAUnit) {
  StagingFlag flag;
  RunOptions options;
  ASSERT_TRUE(flag.ApplyTo(options).ok());
  EXPECT_EQ(options.max_staging_bytes, SIZE_MAX);
  for (const auto& [size, bytes] :
       std::vector<std::pair<std::string, size_t>>{{"1", 1'000'000},
                                                   {"1MB", 1'000'000},
                                                   {"1.5GiB", 1'610'612'736},
                                                   {"2G", 2'000'000'000}}) {
    flag.max = size;
    ASSERT_TRUE(flag.ApplyTo(options).ok());
    EXPECT_EQ(options.max_staging_bytes, bytes) << size;
  }
}

TEST(Dispatch, RangesApplyToTheEnvironmentToo) {
  absl::Duration wait = absl::InfiniteDuration();
  double rate = 1;
  const Command command{
      .name = "verb",
      .summary = "s",
      .flags = {{.name = "--wait",
                 .target = AtLeast(&wait, absl::Seconds(1)),
                 .value = "TIME",
                 .doc = "d",
                 .env = "WAIT"},
                {.name = "--rate", .target = Between(&rate, 0, 2), .value = "N", .doc = "d"}},
      .run = [](Context&) { return 0; }};
  std::ostringstream out, err;
  std::string text = "999ms";
  Context context{.out = out, .err = err, .environment = [&](std::string_view) {
                    return std::optional<std::string>(text);
                  }};
  EXPECT_EQ(Dispatch({command}, {"verb"}, context), kWrongUsage);
  EXPECT_NE(err.str().find("WAIT: 999ms is out of range: give at least 1s"), std::string::npos)
      << err.str();
  text = "1s";
  EXPECT_EQ(Dispatch({command}, {"verb", "--rate", "2"}, context), 0);
  EXPECT_EQ(wait, absl::Seconds(1));
  EXPECT_EQ(rate, 2);
}

TEST(Commands, MessagesContainNoPasswordsOfAddresses) {
  for (const char* ledger :
       {"postgres://user:hush/hush@127.0.0.1:1/d", "postgres://user:hush@hush@127.0.0.1:1/d",
        "postgres://user:hush?hush@127.0.0.1:1/d", "postgres://user:12/hush@127.0.0.1:1/d",
        "postgres://user:hush@127.0.0.1:1/d", "host=127.0.0.1 port=1 user=u password=hush",
        "password='hush", "mysql://user:hush@h/d", "sqlite://user:hush@h/d"}) {
    for (const char* flag : {"--ledger", "--dlq", "--no-such-flag", "--config"}) {
      const Ran ran = RunLine({"status", StrCat(flag, "=", ledger)});
      EXPECT_NE(ran.code, kAllAccepted) << flag << " " << ledger;
      EXPECT_EQ((ran.out + ran.err).find("hush"), std::string::npos) << ran.err << ran.out;
    }
  }
}

TEST(Dispatch, PrintsAnErrorWithTheVerbAndReturnsItsExitCode) {
  struct Case {
    absl::Status error;
    int code;
  };
  for (const Case& ended : {Case{absl::InvalidArgumentError("fix it"), kWrongUsage},
                            Case{absl::UnauthenticatedError("fix it"), kWrongUsage},
                            Case{absl::UnavailableError("fix it"), kStopped},
                            Case{absl::CancelledError("fix it"), kStopped}}) {
    const Command command{
        .name = "two words", .summary = "s", .run = [&](Context&) { return ended.error; }};
    std::ostringstream out, err;
    Context context{.out = out, .err = err, .environment = [](std::string_view) {
                      return std::optional<std::string>();
                    }};
    EXPECT_EQ(Dispatch({command}, {"two", "words"}, context), ended.code) << ended.error;
    EXPECT_EQ(err.str(), "millrace two words: fix it\n");
    EXPECT_EQ(out.str(), "");
  }
}

TEST(Dispatch, PrintsEachProblemOfAFileOnALineOfItsOwn) {
  const std::string path = testing::TempDir() + "/problems.json";
  std::ofstream(path) << R"({"null": "x", "B": "\ny"})";
  const Ran ran = RunLine({"import", "in.ndjson", "--to", "lake", "--destinations", path});
  EXPECT_EQ(ran.code, kWrongUsage);
  EXPECT_NE(ran.err.find("problems.json: 2 problems:\n  \"B\": a name"), std::string::npos)
      << ran.err;
  EXPECT_NE(ran.err.find("\n  \"null\": is the beginning"), std::string::npos) << ran.err;
}

TEST(Dispatch, WipesSecretsFromTheArgumentsOfTheProcess) {
  std::string secret;
  Command command{.name = "verb",
                  .summary = "s",
                  .flags = {{.name = "--secret",
                             .target = &secret,
                             .value = "S",
                             .doc = "d",
                             .aliases = {"--old_secret"},
                             .secret = true}},
                  .run = [](Context&) { return 0; }};
  std::ostringstream out, err;
  Context context{.out = out, .err = err, .environment = [](std::string_view) {
                    return std::optional<std::string>();
                  }};
  for (std::string given : {"--secret=hush", "--old_secret=hush"}) {
    std::string program = "millrace", verb = "verb";
    char* argv[] = {program.data(), verb.data(), given.data(), nullptr};
    EXPECT_EQ(Dispatch({command}, {verb, given}, context, argv), 0);
    EXPECT_EQ(secret, "hush");
    EXPECT_EQ(given.find("hush"), std::string::npos) << given;
  }
}

TEST(Commands, PasswordsOfUrisAreWipedFromTheProcessList) {
  std::vector<std::string> texts = {"millrace",
                                    "status",
                                    "--ledger",
                                    "mysql://user:hush@host:5432/d?password=hush&x=1",
                                    "--ledger=postgres://host:1/d",
                                    "http://host/a@b:c",
                                    "--ledger=host=h password='hush' user=u",
                                    "postgres://user:hu/sh@host/d"};
  const std::vector<std::string> before = texts;
  std::vector<char*> argv;
  for (std::string& text : texts) argv.push_back(text.data());
  argv.push_back(nullptr);
  std::ostringstream out, err;
  Context context{.out = out, .err = err, .environment = [](std::string_view) {
                    return std::optional<std::string>();
                  }};
  const int code = Dispatch(AllCommands(), {before[1], before[2], before[3]}, context, argv.data());
  EXPECT_EQ(code, kWrongUsage);
  EXPECT_EQ(texts[3], "mysql://user:xxxx@host:5432/d?password=xxxx&x=1");
  EXPECT_EQ(texts[4], before[4]);
  EXPECT_EQ(texts[5], before[5]);
  EXPECT_EQ(texts[6], "--ledger=host=h password='xxxx' user=u");
  EXPECT_EQ(texts[7], "postgres://user:xxxxx@host/d");
  EXPECT_EQ(err.str().find("hush"), std::string::npos) << err.str();
}

}  // namespace
}  // namespace millrace::cli
