#include "stores/s3_responses.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "base/strings.h"
#include "stores/requester.h"
#include "stores/xml_text_internal.h"

namespace millrace {

absl::StatusOr<ListPage> ParseS3Listing(std::string_view xml) {
  const auto broken = [] {
    return absl::UnavailableError("the listing is not a valid S3 response");
  };
  pugi::xml_document document;
  if (!ParseXml(xml, document)) return broken();
  const pugi::xml_node root = document.child("ListBucketResult");
  if (!root) return broken();
  ListPage page;
  for (const pugi::xml_node item : root.children("Contents")) {
    ListedKey key{.key = item.child_value("Key"),
                  .version = std::string(BareEtag(item.child_value("ETag")))};
    if (key.key.empty() || key.version.empty() ||
        !absl::SimpleAtoi(item.child_value("Size"), &key.size)) {
      return broken();
    }
    page.keys.push_back(std::move(key));
  }
  if (std::string_view(root.child_value("IsTruncated")) == "true") {
    page.next_token = root.child_value("NextContinuationToken");
    if (page.next_token.empty()) return broken();
  }
  return page;
}

S3Error ParseS3Error(const HttpResponse& response) {
  S3Error error;
  error.http_status = response.status;
  error.region = response.header("x-amz-bucket-region");
  pugi::xml_document document;
  if (!ParseXml(response.body, document)) return error;
  const pugi::xml_node root = document.child("Error");
  error.code = root.child_value("Code");
  error.message = root.child_value("Message");
  if (error.region.empty()) error.region = root.child_value("Region");
  return error;
}

std::string ParseS3UploadId(std::string_view xml) {
  pugi::xml_document document;
  if (!ParseXml(xml, document)) return "";
  return document.child("InitiateMultipartUploadResult").child_value("UploadId");
}

absl::StatusOr<UploadPage> ParseS3Uploads(std::string_view xml) {
  const auto broken = [] {
    return absl::UnavailableError("the list of uploads is not a valid S3 response");
  };
  pugi::xml_document document;
  if (!ParseXml(xml, document)) return broken();
  const pugi::xml_node root = document.child("ListMultipartUploadsResult");
  if (!root) return broken();
  UploadPage page;
  for (const pugi::xml_node item : root.children("Upload")) {
    OpenUpload upload{.key = item.child_value("Key"), .id = item.child_value("UploadId")};
    if (upload.key.empty() || upload.id.empty()) return broken();
    page.uploads.push_back(std::move(upload));
  }
  if (std::string_view(root.child_value("IsTruncated")) == "true") {
    page.next = {.key = root.child_value("NextKeyMarker"),
                 .id = root.child_value("NextUploadIdMarker")};
    if (page.next.key.empty()) return broken();
  }
  return page;
}

bool IsS3ErrorBody(std::string_view xml) {
  pugi::xml_document document;
  return ParseXml(xml, document) && document.child("Error");
}

absl::StatusOr<std::string> ParseS3Copy(const HttpResponse& response) {
  pugi::xml_document document;
  if (ParseXml(response.body, document)) {
    for (const char* name : {"CopyObjectResult", "CopyPartResult"}) {
      const std::string_view etag = BareEtag(document.child(name).child_value("ETag"));
      if (!etag.empty()) return std::string(etag);
    }
    if (document.child("Error")) {
      return CloudStatus(absl::StatusCode::kUnavailable, "the copy failed", ParseS3Error(response));
    }
  }
  return absl::UnavailableError("the response to the copy is not a valid S3 response");
}

std::string S3PartList(const std::vector<std::string>& etags) {
  std::string xml = "<CompleteMultipartUpload>";
  for (size_t i = 0; i < etags.size(); ++i) {
    StrAppend(&xml, "<Part><PartNumber>", i + 1, "</PartNumber><ETag>\"", etags[i],
              "\"</ETag></Part>");
  }
  return xml + "</CompleteMultipartUpload>";
}

}  // namespace millrace
