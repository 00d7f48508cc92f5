"""Gives a new Tryton what the tests need: seed.py CONFIG DATABASE

A company that keeps its books in US dollars, a chart of accounts, a fiscal year around today, two parties, a statement journal
for what a payment processor pays out, and a key for the REST API. Prints the fields of a connection as JSON.
"""
import json
import sys

from proteus import Model, config

CLEARING, FEES = "1.1.9", "6.9.1"


def accounts(company):
    """Adds the processor's clearing account, its fees, and what else is booked on; gives the codes by role."""
    from trytond.modules.account.tests.tools import create_chart, get_accounts

    create_chart(company)
    standard = get_accounts(company)
    Account = Model.get("account.account")
    expenses, = Account.find([("code", "=", "6.1.2"), ("company", "=", company.id)])
    for code, name, like in [
        (CLEARING, "Processor clearing", standard["cash"]),
        (FEES, "Payment processing fees", expenses),
        # What the shipped pipelines of payoneer-clarity book on, where the chart has none of that number.
        ("2.1.9", "Money of nobody yet", standard["payable"]),
        ("4.1.9", "Payment differences", standard["revenue"]),
        ("5.1.1", "Vendor shares", expenses),
        ("6.9.2", "Affiliate shares", expenses),
    ]:
        if not Account.find([("code", "=", code), ("company", "=", company.id)]):
            Account(code=code, name=name, type=like.type, parent=like.parent, company=company).save()
    codes = {role: standard[role].code for role in ["receivable", "revenue"]}
    return {"clearing": CLEARING, "fees": FEES, **codes}


def fiscal_year(company):
    """Opens twelve periods, one a month, in which invoices have numbers."""
    from trytond.modules.account.tests.tools import create_fiscalyear
    from trytond.modules.account_invoice.tests.tools import set_fiscalyear_invoice_sequences

    set_fiscalyear_invoice_sequences(create_fiscalyear(company)).click("create_period")


def parties():
    """Makes customers; Tryton gives them their codes."""
    made = [Model.get("party.party")(name=name) for name in ["Acme Marketplace", "Bluth Trading"]]
    for party in made:
        party.save()
    return {party.name: party.code for party in made}


def statement_journal(company, account_code):
    """Makes the journal whose statements say that invoices were paid."""
    account, = Model.get("account.account").find([("code", "=", account_code), ("company", "=", company.id)])
    journal, = Model.get("account.journal").find([("code", "=", "STA")], limit=1)
    Model.get("account.statement.journal")(
        name="Processor", journal=journal, account=account, company=company,
        currency=company.currency, validation="amount",
    ).save()


def key():
    """Makes the key of the administrator."""
    user = Model.get("res.user")(config.get_config().user)
    application = Model.get("res.user.application")(application="rest", user=user)
    application.save()
    return application.key


def main(configuration, database):
    """Seeds the database, in one go."""
    config.set_trytond(database, config_file=configuration, user="admin")
    from trytond.modules.company.tests.tools import create_company, get_company

    create_company(currency="USD")
    company = get_company()
    codes = accounts(company)
    fiscal_year(company)
    statement_journal(company, CLEARING)
    connection = {
        "database": database, "company": str(company.id), "currency": "USD", "entry_journal": "MISC",
        "invoice_journal": "REV", "statement_journal": "Processor", "receivable_account": codes["receivable"],
    }
    print(json.dumps({"connection": connection, "api_key": key(), "accounts": codes, "parties": parties()}))


main(*sys.argv[1:])
