// The only file that knows CLI11.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstring>
#include <map>
#include <ostream>
#include <sstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "base/redact.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/error_report.h"
#include "cli/flag_value.h"
#include "cli/overview.h"
#include "cli/text.h"

namespace millrace::cli {
namespace {

std::string NamesOf(const Flag& flag) {
  std::string names = flag.name;
  for (const std::string& alias : flag.aliases) StrAppend(&names, ",", alias);
  return names;
}

std::string DocOf(const Flag& flag) {
  const std::string range = RangeOf(flag.target);
  return StrCat(flag.doc, range.empty() ? "" : StrCat("; ", range),
                flag.env.empty() ? "" : StrCat(" [env: ", flag.env, "]"));
}

// What --help shows as the default.
std::string DefaultOf(const Flag& flag) {
  if (flag.secret || std::holds_alternative<bool*>(flag.target) || IsList(flag)) return "";
  return ValueOf(flag);
}

CLI::Option* AddFlag(CLI::App& app, const Flag& flag) {
  if (bool* const* yes = std::get_if<bool*>(&flag.target)) {
    return app.add_flag(NamesOf(flag), **yes, DocOf(flag));
  }
  if (auto* const* list = std::get_if<std::vector<std::string>*>(&flag.target)) {
    return app.add_option(NamesOf(flag), **list, DocOf(flag))
        ->type_name(flag.value)
        ->allow_extra_args(false);
  }
  CLI::Option* option = app.add_option_function<std::string>(
      NamesOf(flag),
      [flag](const std::string& text) {
        if (std::string wrong = SetFlag(flag, text); !wrong.empty()) {
          throw CLI::ValidationError(flag.name, wrong);
        }
      },
      DocOf(flag));
  option->type_name(flag.value);
  option->default_str(DefaultOf(flag));
  return option;
}

// The earlier spelling of `flag`, which --help does not show.
CLI::Option* AddOldName(CLI::App& app, Flag flag) {
  flag.name = std::exchange(flag.old_name, "");
  flag.aliases.clear();
  return AddFlag(app, flag)->group("");
}

bool IsGiven(const CLI::App& app, const Flag& flag) {
  return app.get_option(flag.name)->count() > 0 ||
         (!flag.old_name.empty() && app.get_option(flag.old_name)->count() > 0);
}

std::string Footer(const Command& command) {
  if (command.examples.empty()) return "";
  std::string footer = "\nExamples:";
  for (const std::string& example : command.examples) StrAppend(&footer, "\n  ", example);
  return footer;
}

// Flags that are not given take their value from the environment.
void ReadEnvironment(const Command& command, CLI::App& app, Context& context) {
  for (const Flag& flag : command.flags) {
    if (IsGiven(app, flag)) context.given.insert(flag.name);
    if (flag.env.empty() || IsGiven(app, flag)) continue;
    const std::optional<std::string> text = context.environment(flag.env);
    if (!text) continue;
    if (std::string wrong = SetFlag(flag, *text); !wrong.empty()) {
      throw CLI::ValidationError(flag.env, wrong);
    }
    context.given.insert(flag.name);
  }
}

// Wipes the secrets within a URI or a connection string, wherever it occurs among the arguments.
void WipeWithin(char* argument) {
  for (const auto& [begin, size] : FindSecrets(argument)) std::memset(argument + begin, 'x', size);
}

void WipeSecrets(const std::vector<Command>& commands, char** argv) {
  if (argv == nullptr) return;
  for (char** argument = argv; *argument != nullptr; ++argument) WipeWithin(*argument);
  const auto wipe = [](char* text) { std::memset(text, 'x', std::strlen(text)); };
  for (const Command& command : commands) {
    for (const Flag& flag : command.flags) {
      if (!flag.secret) continue;
      std::vector<std::string> names = flag.aliases;
      names.push_back(flag.name);
      for (char** arg = argv; *arg != nullptr; ++arg) {
        for (const std::string& name : names) {
          if (name == *arg && arg[1] != nullptr) wipe(arg[1]);
          if (std::string_view(*arg).starts_with(name + "=")) wipe(*arg + name.size() + 1);
        }
      }
    }
  }
}

// Builds the tree of verbs: "dlq show" is the verb show of the verb dlq.
class Parser {
 public:
  Parser(const std::vector<Command>& commands, Context& context) : context_(context) {
    root_.require_subcommand(1);
    root_.set_version_flag("--version", "millrace " MILLRACE_VERSION);
    for (const Command& command : commands) Add(command);
    for (const auto& [path, app] : groups_) {
      if (app->get_subcommands({}).empty()) continue;
      app->require_subcommand(1);
      app->description(StrCat("see millrace", path, " --help"));
    }
  }

  int Run(std::vector<std::string> args) {
    if (!args.empty() && !args[0].starts_with("-") && !groups_.contains(" " + args[0])) {
      context_.err << "millrace: unknown verb '" << Printable(args[0])
                   << "'; run millrace --help for the list\n";
      return kWrongUsage;
    }
    try {
      std::reverse(args.begin(), args.end());  // CLI11 takes them last first
      root_.parse(args);
      for (const auto& [app, command] : verbs_) {
        if (!app->parsed()) continue;
        ReadEnvironment(*command, *app, context_);
        const absl::StatusOr<int> code = command->run(context_);
        if (code.ok()) return *code;
        context_.err << "millrace " << command->name << ": "
                     << ErrorAsText(ToStd(code.status().message())) << "\n";
        return ExitCodeOf(code.status());
      }
      return kWrongUsage;
    } catch (const CLI::ParseError& error) {
      std::ostringstream out, err;
      const bool asked_for_help = root_.exit(error, out, err) == 0;
      context_.out << out.str();
      for (const auto& line : absl::StrSplit(err.str(), '\n', absl::SkipEmpty())) {
        context_.err << Printable(RedactSecrets(ToStd(line))) << "\n";
      }
      return asked_for_help ? kAllAccepted : kWrongUsage;
    }
  }

 private:
  void Add(const Command& command) {
    CLI::App* app = &root_;
    std::string path;
    for (const auto& word : absl::StrSplit(command.name, ' ')) {
      StrAppend(&path, " ", word);
      CLI::App*& next = groups_[path];
      if (next == nullptr) next = app->add_subcommand(std::string(word));
      app = next;
    }
    app->description(StrCat(command.summary, "\n\n", command.about));
    app->footer(Footer(command));
    if (command.arguments != nullptr) {
      app->add_option(command.arguments_name, *command.arguments)
          ->required(command.arguments_required)
          ->type_name("");
    }
    for (const Flag& flag : command.flags) {
      AddFlag(*app, flag);
      if (!flag.old_name.empty()) AddOldName(*app, flag);
    }
    verbs_.emplace_back(app, &command);
  }

  Context& context_;
  CLI::App root_{"Millrace moves product-analytics events and proves that none was lost.",
                 "millrace"};
  std::map<std::string, CLI::App*> groups_;  // by their path of words
  std::vector<std::pair<CLI::App*, const Command*>> verbs_;
};

}  // namespace

ExitCode ExitCodeOf(const absl::Status& error) {
  switch (error.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
      return kWrongUsage;
    default:
      return kStopped;
  }
}

int Dispatch(const std::vector<Command>& commands, const std::vector<std::string>& args,
             Context& context, char** argv_memory) {
  WipeSecrets(commands, argv_memory);
  if (args.empty()) {
    context.err << Overview(commands);
    return kWrongUsage;
  }
  std::vector<std::string> words = args;
  // "help import" is "import --help".
  if (words.front() == "help") {
    words.erase(words.begin());
    words.push_back("--help");
  }
  if (words.front() == "--help" || words.front() == "-h") {
    context.out << Overview(commands);
    return kAllAccepted;
  }
  return Parser(commands, context).Run(std::move(words));
}

namespace {

// Escapes bars, which would end the cell.
std::string InTable(std::string text) {
  for (size_t bar = 0; (bar = text.find('|', bar)) != std::string::npos; bar += 2) {
    text.insert(bar, "\\");
  }
  return text;
}

}  // namespace

std::string CommandsAsMarkdown(const std::vector<Command>& commands) {
  std::string page =
      "# Command line\n\nGenerated from the flag tables in `src/cli`; a test checks that it is "
      "current. Exit status of every\nverb: 0 all records accepted; 1 finished with rejected "
      "records; 2 wrong usage or config; 3 stopped early, safe\nto run again.\n";
  for (const Command& command : commands) {
    StrAppend(&page, "\n## millrace ", command.name, "\n\n", command.summary, ".\n\n",
              command.about, "\n");
    if (!command.examples.empty()) page += "\n```sh\n";
    for (const std::string& example : command.examples) StrAppend(&page, example, "\n");
    if (!command.examples.empty()) page += "```\n";
    page += "\n| flag | default | meaning |\n|---|---|---|\n";
    for (const Flag& flag : command.flags) {
      const std::string fallback = DefaultOf(flag);
      StrAppend(&page, "| `", flag.name, flag.value.empty() ? "" : " " + InTable(flag.value),
                "` | ", fallback.empty() ? "" : StrCat("`", fallback, "`"), " | ", flag.doc);
      if (const std::string range = RangeOf(flag.target); !range.empty()) {
        StrAppend(&page, "; ", range);
      }
      if (!flag.env.empty()) StrAppend(&page, "; environment `", flag.env, "`");
      if (!flag.aliases.empty()) page += "; also";
      for (const std::string& alias : flag.aliases) StrAppend(&page, " `", alias, "`");
      page += " |\n";
    }
  }
  return page;
}

}  // namespace millrace::cli
