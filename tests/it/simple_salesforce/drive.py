"""Drives the sandbox's Salesforce with simple-salesforce as it is published, over TLS.

Whom it trusts is in REQUESTS_CA_BUNDLE. The first argument is where the sandbox is, the second a token of it. Prints what
it has seen, as one object of JSON.
"""

import json
import sys
import urllib.parse
from datetime import datetime, timedelta, timezone

from simple_salesforce import Salesforce, format_soql
from simple_salesforce.exceptions import (
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceResourceNotFound,
)


def code(call, expected):
    """Says the error code of a call that the sandbox must refuse."""
    try:
        call()
    except expected as refused:
        content = refused.content
        return content[0]["errorCode"] if isinstance(content[0], dict) else len(content)
    return None


def records(sf):
    """Single records: create, read, change, delete, by id and by key."""
    made = sf.Account.create({"Name": "Driven", "Customer_Vault_ID__c": "D-1"})
    id = made["id"]
    seen = {
        "created": made["success"],
        "read": sf.Account.get(id)["Name"],
        "read_by_key": sf.Account.get_by_custom_id("Customer_Vault_ID__c", "D-1")["Id"] == id,
        "updated": sf.Account.update(id, {"Type": "Vendor"}),
        "upsert_new": sf.Payment__c.upsert("Payment_ID__c/D-1", {"Amount__c": 12.5}),
        "upsert_again": sf.Payment__c.upsert("Payment_ID__c/D-1", {"Status__c": "Completed"}),
        "refused": code(lambda: sf.Account.create({}), SalesforceMalformedRequest),
        "no_such_field": code(lambda: sf.Account.create({"Nope": 1}), SalesforceMalformedRequest),
        "no_such_record": code(lambda: sf.Account.get("0015e00000zzzzzAAA"), SalesforceResourceNotFound),
        "described": {field["name"]: field["type"] for field in sf.Account.describe()["fields"]}["Name"],
    }
    sf.Account.create({"Name": "Another", "Customer_Vault_ID__c": "D-1"})
    upsert = lambda: sf.Account.upsert("Customer_Vault_ID__c/D-1", {"Type": "Vendor"})
    seen["ambiguous"] = code(upsert, SalesforceMoreThanOneRecord)
    seen["deleted"] = sf.Account.delete(id)
    now = datetime.now(timezone.utc)
    span = (now - timedelta(days=1), now + timedelta(days=1))
    seen["told_deleted"] = [one["id"] == id for one in sf.Account.deleted(*span)["deletedRecords"]]
    seen["told_updated"] = len(sf.Account.updated(*span)["ids"])
    return seen


def queries(sf):
    """Pages, to their end; deleted records; what a text must be escaped for."""
    first = sf.query("SELECT Id, Recipient__r.Email FROM Payment_Request__c")
    more = sf.query_more(first["nextRecordsUrl"], True)
    name = "O'Brien \\ Sons"
    sf.Account.create({"Name": name})
    return {
        "first_page": len(first["records"]),
        "second_page": len(more["records"]),
        "all": len(sf.query_all("SELECT Id FROM Payment_Request__c")["records"]),
        "one_by_one": sum(1 for _ in sf.query_all_iter("SELECT Id FROM Payment_Request__c")),
        "with_deleted": sf.query("SELECT Id FROM Account WHERE Name = 'Driven'", include_deleted=True)["totalSize"],
        "without_deleted": sf.query("SELECT Id FROM Account WHERE Name = 'Driven'")["totalSize"],
        "escaped": sf.query(format_soql("SELECT Name FROM Account WHERE Name = {}", name))["records"][0]["Name"] == name,
        "malformed": code(lambda: sf.query("SELECT Id FORM Account"), SalesforceMalformedRequest),
    }


def collections(sf):
    """Many records in a request, each with its result."""
    rows = [{"attributes": {"type": "Payment__c"}, "Payment_ID__c": f"C-{n}", "Amount__c": n} for n in range(3)]
    rows[1]["Status__c"] = "Nope"
    send = lambda method, path, **data: sf.restful(path, method=method, data=json.dumps(data))
    made = send("POST", "composite/sobjects", records=rows)
    upserted = send("PATCH", "composite/sobjects/Payment__c/Payment_ID__c", records=[rows[0]])
    ids = ",".join(one["id"] for one in made if one["success"])
    return {
        "results": [one["success"] for one in made],
        "why": made[1]["errors"][0]["statusCode"],
        "created": [one["created"] for one in upserted],
        "read": [one["Amount__c"] for one in sf.restful("composite/sobjects/Payment__c", params={"ids": ids, "fields": "Amount__c"})],
        "gone": [one["success"] for one in sf.restful("composite/sobjects", method="DELETE", params={"ids": ids})],
    }


def bulk(sf):
    """Jobs of Bulk API 2.0: rows go in, some are refused, and all come out again."""
    rows = [{"Key__c": f"B-{n}", "Amount__c": f"{n}.25"} for n in range(2500)]
    inserted = sf.bulk2.Bulk_Target__c.insert(records=rows, wait=0.1)[0]
    again = sf.bulk2.Bulk_Target__c.upsert(
        records=[{"Key__c": "B-1", "Status__c": "seen"}, {"Key__c": "B-new", "Amount__c": "x"}],
        external_id_field="Key__c",
        line_ending="CRLF",
        column_delimiter="PIPE",
        wait=0.1,
    )[0]
    failed = sf.bulk2.Bulk_Target__c.get_failed_records(again["job_id"]).splitlines()
    parts = list(sf.bulk2.Bulk_Target__c.query("SELECT Key__c, Amount__c FROM Bulk_Target__c", max_records=1000, wait=0.1))
    one = list(sf.bulk2.Bulk_Target__c.query("SELECT Status__c FROM Bulk_Target__c WHERE Key__c = 'B-1'", wait=0.1))
    return {
        "inserted": [inserted["numberRecordsTotal"], inserted["numberRecordsProcessed"], inserted["numberRecordsFailed"]],
        "upserted": [again["numberRecordsProcessed"], again["numberRecordsFailed"]],
        "failed": [len(failed) - 1, "JSON_PARSER_ERROR" in failed[1]],
        "successful": len(sf.bulk2.Bulk_Target__c.get_successful_records(inserted["job_id"]).splitlines()) - 1,
        "parts": [len(part.splitlines()) - 1 for part in parts],
        "one": one[0].splitlines()[1],
    }


def main():
    url, token = sys.argv[1:]
    # What it calls an instance is all between `https://` and `/services`.
    sf = Salesforce(instance=url.removeprefix("https://") + "/salesforce", session_id=token)
    before = sf.limits()["DailyApiRequests"]["Remaining"]
    seen = {"records": records(sf), "queries": queries(sf), "collections": collections(sf), "bulk": bulk(sf)}
    seen["calls_are_counted"] = sf.limits()["DailyApiRequests"]["Remaining"] < before
    seen["usage"] = sf.api_usage["api-usage"].used > 0
    sf.oauth2("revoke", {"token": token}, method="POST")
    seen["expired"] = code(lambda: sf.limits(), SalesforceExpiredSession)
    print(json.dumps(seen))


main()
