"""Drives the sandbox's Pub/Sub API with a client that grpcio-tools makes of Salesforce's own description, over TLS.

Arguments: the description, the address of the API, the certificate to trust, where REST is, and a token. Prints what it
has seen, as one object of JSON.
"""

import io
import json
import pathlib
import queue
import sys
import tempfile
import urllib.request

import fastavro
import grpc
from grpc_tools import protoc

DESCRIPTION, ADDRESS, AUTHORITY, REST, TOKEN = sys.argv[1:]
INSTANCE = f"{REST}/salesforce"
TENANT = "00D5e00000000kEAAQ"
OPPORTUNITIES = "/data/OpportunityChangeEvent"
PAYOUTS = "/event/Payout_Status__e"


def made():
    """Makes the client, as the vendor's own guide does."""
    folder = tempfile.mkdtemp()
    path = pathlib.Path(DESCRIPTION)
    done = protoc.main(["", f"-I{path.parent}", f"--python_out={folder}", f"--grpc_python_out={folder}", str(path)])
    assert done == 0
    sys.path.insert(0, folder)
    import pubsub_api_pb2
    import pubsub_api_pb2_grpc

    return pubsub_api_pb2, pubsub_api_pb2_grpc


pb2, pb2_grpc = made()
trusted = grpc.ssl_channel_credentials(pathlib.Path(AUTHORITY).read_bytes())
stub = pb2_grpc.PubSubStub(grpc.secure_channel(ADDRESS, trusted))


def who(token=TOKEN, tenant=TENANT):
    return (("accesstoken", token), ("instanceurl", INSTANCE), ("tenantid", tenant))


def rest(method, path, body=None):
    """One request of REST; the connection names itself, as a well-behaved client does."""
    headers = {
        "Authorization": f"Bearer {TOKEN}",
        "Content-Type": "application/json",
        "Sforce-Call-Options": "client=driver",
    }
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{REST}{path}", data, headers, method=method)
    with urllib.request.urlopen(request) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def order(body):
    return rest("POST", "/_sandbox/salesforce", body)


class Subscription:
    """A stream, and how many events it may still send."""

    def __init__(self, **first):
        self.requests = queue.Queue()
        self.requests.put(pb2.FetchRequest(**first))
        self.responses = stub.Subscribe(iter(self.requests.get, None), metadata=who(), timeout=60)

    def next(self):
        """The next response with events; one without them says only that the stream lives."""
        return next(response for response in self.responses if response.events)

    def silence(self):
        """The next response, which has no events."""
        response = next(self.responses)
        return [len(response.events), response.latest_replay_id != b""]

    def ask(self, count):
        self.requests.put(pb2.FetchRequest(num_requested=count))

    def close(self):
        self.responses.cancel()


def schema(schema_id):
    return json.loads(stub.GetSchema(pb2.SchemaRequest(schema_id=schema_id), metadata=who()).schema_json)


def read(event):
    parsed = fastavro.parse_schema(schema(event.event.schema_id))
    return fastavro.schemaless_reader(io.BytesIO(event.event.payload), parsed)


def bits(bitmap):
    """The places of a bitmap, as the vendor's example decodes it: the lowest bit is field 0."""
    number = int(bitmap, 16)
    return [place for place in range(number.bit_length()) if number >> place & 1]


def changed(event, record, which="changedFields"):
    fields = schema(event.event.schema_id)["fields"]
    names = []
    for bitmap in record["ChangeEventHeader"][which]:
        if "-" not in bitmap:
            names += [fields[place]["name"] for place in bits(bitmap)]
            continue
        parent, nested = bitmap.split("-")
        parent = fields[int(parent)]
        names += [f"{parent['name']}.{parent['type'][1]['fields'][place]['name']}" for place in bits(nested)]
    return names


def refused(call):
    """The status of a call that must be refused, and the vendor's code in its trailers."""
    try:
        call()
    except grpc.RpcError as error:
        trailers = dict(error.trailing_metadata() or ())
        return [error.code().name, trailers.get("error-code")]
    return None


def of_changes():
    """Creates, changes and deletes a record over REST, and is told of it."""
    stream = Subscription(topic_name=OPPORTUNITIES, num_requested=10, replay_preset=pb2.EARLIEST)
    body = {"Name": "Driven", "StageName": "Prospecting", "CloseDate": "2026-12-24", "Amount": 1234.1}
    made = rest("POST", "/salesforce/services/data/v59.0/sobjects/Opportunity", body)["id"]
    path = f"/salesforce/services/data/v59.0/sobjects/Opportunity/{made}"
    first = stream.next().events[0]
    rest("PATCH", path, {"Amount": 99.95, "Campaign_Source__c": "fair"})
    second = stream.next().events[0]
    rest("PATCH", path, {"Campaign_Source__c": None})
    third = stream.next().events[0]
    rest("DELETE", path)
    fourth = stream.next()
    stream.close()
    created, updated, nulled, deleted = map(read, (first, second, third, fourth.events[0]))
    header = created["ChangeEventHeader"]
    replayed = Subscription(
        topic_name=OPPORTUNITIES, num_requested=1, replay_preset=pb2.CUSTOM, replay_id=second.replay_id
    )
    after = replayed.next()
    replayed.close()
    return {
        "created": [header["changeType"], header["entityName"], header["recordIds"] == [made], header["changeOrigin"]],
        "created_fields": [created["Amount"], created["StageName"], created["CloseDate"]],
        "updated": [updated["ChangeEventHeader"]["changeType"], changed(second, updated)],
        "only_what_changed": [updated["Amount"], updated["Name"]],
        "nulled": [changed(third, nulled), changed(third, nulled, "nulledFields")],
        "deleted": [deleted["ChangeEventHeader"]["changeType"], deleted["Name"], fourth.pending_num_requested],
        "after_the_second": [event.event.id == third.event.id for event in after.events],
    }


def of_compounds():
    """A part of a compound field has a bitmap of its own."""
    stream = Subscription(topic_name="/data/ContactChangeEvent", num_requested=1, replay_preset=pb2.EARLIEST)
    made = rest("POST", "/salesforce/services/data/v59.0/sobjects/Contact", {"LastName": "Compound"})["id"]
    path = f"/salesforce/services/data/v59.0/sobjects/Contact/{made}"
    record = read(stream.next().events[0])
    # No more than was asked for.
    rest("PATCH", path, {"FirstName": "Ada", "Email": "ada@example.com"})
    stream.ask(1)
    response = stream.next()
    update = read(response.events[0])
    order({"gap": {"id": made}})
    stream.ask(5)
    gap = read(stream.next().events[0])
    stream.close()
    return {
        "name": record["Name"],
        "changed": changed(response.events[0], update),
        "count": len(response.events),
        "gap": [gap["ChangeEventHeader"]["changeType"], gap["ChangeEventHeader"]["recordIds"] == [made], gap["Name"]],
    }


def of_platform_events():
    """Publishes, by gRPC and by REST, and is told of both."""
    stream = Subscription(topic_name=PAYOUTS, num_requested=10, replay_preset=pb2.EARLIEST)
    topic = stub.GetTopic(pb2.TopicRequest(topic_name=PAYOUTS), metadata=who())
    parsed = fastavro.parse_schema(schema(topic.schema_id))
    payload = io.BytesIO()
    event = {"CreatedDate": 0, "CreatedById": "", "Reference__c": "R-1", "Amount__c": 0.1}
    fastavro.schemaless_writer(payload, parsed, event)
    events = [pb2.ProducerEvent(id="mine", schema_id=topic.schema_id, payload=payload.getvalue())]
    silent = stub.GetTopic(pb2.TopicRequest(topic_name=OPPORTUNITIES), metadata=who())
    published = stub.Publish(pb2.PublishRequest(topic_name=PAYOUTS, events=events), metadata=who())
    first = stream.next().events[0]
    rest("POST", "/salesforce/services/data/v59.0/sobjects/Payout_Status__e", {"Reference__c": "R-2"})
    second = read(stream.next().events[0])
    order({"again": {"topic": PAYOUTS}})
    again = stream.next().events[0]
    stream.close()
    wrong = stub.Publish(
        pb2.PublishRequest(topic_name=PAYOUTS, events=[pb2.ProducerEvent(schema_id=silent.schema_id)]), metadata=who()
    )
    return {
        "may_publish": [topic.can_publish, silent.can_publish, topic.can_subscribe],
        "published": [published.results[0].correlation_key, published.results[0].replay_id == first.replay_id],
        "told": [read(first)["Reference__c"], read(first)["Amount__c"], second["Reference__c"]],
        "again": [read(again)["Reference__c"], again.replay_id > first.replay_id],
        "wrong": wrong.results[0].error.code == pb2.PUBLISH,
    }


def of_refusals():
    def subscribe(**first):
        return lambda: Subscription(**{"topic_name": OPPORTUNITIES, "num_requested": 1, **first}).next()

    # What was told before is not for this one.
    latest = Subscription(topic_name=OPPORTUNITIES, num_requested=1)
    silence = latest.silence()
    order({"streams": "cut"})

    topic = pb2.TopicRequest(topic_name=OPPORTUNITIES)
    old = stub.Subscribe(
        iter([pb2.FetchRequest(topic_name=OPPORTUNITIES, num_requested=1, replay_preset=pb2.EARLIEST)]), metadata=who()
    )
    old = next(old).events[0].replay_id
    seen = {
        "token": refused(lambda: stub.GetTopic(topic, metadata=who(token="none"))),
        "tenant": refused(lambda: stub.GetTopic(topic, metadata=who(tenant="00D000000000000"))),
        "topic": refused(lambda: stub.GetTopic(pb2.TopicRequest(topic_name="/data/None"), metadata=who()))[0],
        "no_replay": refused(subscribe(replay_preset=pb2.CUSTOM)),
        "garbled": refused(subscribe(replay_preset=pb2.CUSTOM, replay_id=b"?")),
        "future": refused(subscribe(replay_preset=pb2.CUSTOM, replay_id=b"\x7f" + bytes(7))),
        "none_wanted": refused(subscribe(num_requested=0)),
        "silence": silence,
        "cut": refused(latest.next)[0],
    }
    rest("POST", "/_sandbox/clock", {"advance_ms": 73 * 3600 * 1000})
    order({"events": {"topic": OPPORTUNITIES}})
    token = urllib.request.Request(
        f"{INSTANCE}/services/oauth2/token",
        b"grant_type=client_credentials&client_id=sandbox-client&client_secret=sandbox-secret",
    )
    seen["session"] = refused(lambda: stub.GetTopic(topic, metadata=who()))[0]
    with urllib.request.urlopen(token) as answer:
        late = who(token=json.loads(answer.read())["access_token"])
    request = pb2.FetchRequest(topic_name=OPPORTUNITIES, num_requested=1, replay_preset=pb2.CUSTOM, replay_id=old)
    seen["too_old"] = refused(lambda: next(stub.Subscribe(iter([request]), metadata=late)))
    return seen


def main():
    seen = {
        "changes": of_changes(),
        "compounds": of_compounds(),
        "platform_events": of_platform_events(),
        "refusals": of_refusals(),
    }
    print(json.dumps(seen))


main()
