// proxy.json and .env files: any text is read or refused; what is read can be written and read
// again, and the variables of a .env file become such a file, or problems without their values.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/strings.h"
#include "proxy_config/dotenv.h"
#include "proxy_config/proxy_config.h"
#include "proxy_config/variables.h"
#include "require.h"

namespace {

using namespace millrace;
using namespace millrace::proxy_config;

// A configuration without problems is the same after it is written.
void CheckRoundTrip(const ProxyConfig& config) {
  const std::string text = ToJson(config);
  ConfigProblems problems;
  const ProxyConfig read = ParseProxyConfig(text, "p", problems);
  Require(problems.empty());
  Require(ToJson(read) == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  ConfigProblems of_json;
  const ProxyConfig config = ParseProxyConfig(text, "proxy.json", of_json);
  if (of_json.empty()) CheckRoundTrip(config);

  ConfigProblems of_dotenv;
  std::vector<std::string> warnings;
  std::vector<DotenvVariable> variables = ParseDotenv(text, ".env", of_dotenv, warnings);
  std::vector<std::string> names;
  for (const DotenvVariable& variable : variables) {
    Require(!variable.name.empty() && variable.name.size() <= 256);
    Require(variable.value.size() <= size);
    names.push_back(variable.name);
  }
  const Environment environment = AddVariables(
      [](std::string_view) { return std::optional<std::string>(); }, std::move(variables));
  ConfigProblems problems;
  FromVariables read = ConfigOf(environment, names, true, problems);
  read.config.FillFrom(ListenerOf(environment, true, problems).config);
  if (problems.empty()) CheckRoundTrip(read.config);
  const std::string said(ToStd(problems.ToStatus("").message()));
  for (const char* secret : {"s3_secret_access_key", "gcs_service_account_private_key"}) {
    const std::string value = environment(secret).value_or("");
    // Values that are part of our own sentences say nothing.
    Require(value.size() < 64 || said.find(value) == std::string::npos);
  }
  return 0;
}
