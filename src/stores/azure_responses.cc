#include "stores/azure_responses.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "base/percent_encoding.h"
#include "base/strings.h"
#include "net/http_server.h"
#include "stores/requester.h"
#include "stores/xml_text_internal.h"

namespace millrace {

absl::StatusOr<ListPage> ParseAzureListing(std::string_view xml) {
  const auto broken = [] {
    return absl::UnavailableError("the listing is not a valid Azure Blob Storage response");
  };
  // Azure sends a byte order mark.
  if (xml.starts_with("\xef\xbb\xbf")) xml.remove_prefix(3);
  pugi::xml_document document;
  if (!ParseXml(xml, document)) return broken();
  const pugi::xml_node root = document.child("EnumerationResults");
  if (!root) return broken();
  ListPage page;
  for (const pugi::xml_node blob : root.child("Blobs").children("Blob")) {
    const pugi::xml_node properties = blob.child("Properties");
    if (std::string_view(properties.child_value("ResourceType")) == "directory") continue;
    const pugi::xml_node name = blob.child("Name");
    ListedKey key{.key = name.child_value(),
                  .version = std::string(BareEtag(properties.child_value("Etag")))};
    if (name.attribute("Encoded").as_bool()) key.key = UrlDecode(key.key, /*plus_is_space=*/false);
    if (key.key.empty() || key.version.empty() ||
        !absl::SimpleAtoi(properties.child_value("Content-Length"), &key.size)) {
      return broken();
    }
    page.keys.push_back(std::move(key));
  }
  page.next_token = root.child_value("NextMarker");
  return page;
}

CloudError ParseAzureError(const HttpResponse& response) {
  CloudError error{.http_status = response.status,
                   .code = std::string(response.header("x-ms-error-code"))};
  std::string_view xml = response.body;
  if (xml.starts_with("\xef\xbb\xbf")) xml.remove_prefix(3);
  pugi::xml_document document;
  if (!ParseXml(xml, document)) return error;
  const pugi::xml_node root = document.child("Error");
  if (error.code.empty()) error.code = root.child_value("Code");
  const std::string_view message = root.child_value("Message");
  error.message = message.substr(0, message.find('\n'));  // ids and times follow
  return error;
}

std::string AzureBlockList(const std::vector<std::string>& ids) {
  std::string xml = "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>";
  for (const std::string& id : ids) StrAppend(&xml, "<Latest>", id, "</Latest>");
  return xml + "</BlockList>";
}

}  // namespace millrace
