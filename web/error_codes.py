"""Every refusal's code: its HTTP status and what it says. The one table that docs/errors.md lists.

Titles and details are message ids; details name facts as %(fact)s. A fact a refusal does not carry reads as `–`.
Codes that only ever stand inside another answer (a broken rule, a reason why a day is refused) have status None.
"""

from dataclasses import dataclass


def N_(message: str) -> str:
    """Mark a message id for the catalogue; it is translated when it is said."""
    return message


@dataclass(frozen=True, slots=True)
class Words:
    status: int | None
    title: str
    detail: str


CODES: dict[str, Words] = {
    # What was asked cannot be meant.
    "invalid": Words(422, N_("Not valid"), N_("What was asked cannot be meant. Please check the entries.")),
    "validation": Words(422, N_("Some entries are not valid"), N_("Nothing was changed. See each entry's message.")),
    "malformed": Words(400, N_("The request cannot be read"), N_("The body is not well-formed JSON in UTF-8.")),
    "naive-time": Words(
        422, N_("A time without a zone"), N_("%(field)s needs an offset, like 2026-12-01T09:30:00+08:00.")
    ),
    "idempotency-key-reused": Words(
        422, N_("This Idempotency-Key was used for something else"), N_("Use a new key for a new request.")
    ),
    "bad-token": Words(
        422,
        N_("This proposal cannot be used"),
        N_("It was altered, is more than an hour old or is for another patient or procedure. Please search again."),
    ),
    "proposal-or-steps": Words(422, N_("Where to is not clear"), N_("Send either a proposal or steps, and not both.")),
    "protocol-missing": Words(
        422, N_("Which procedure is not clear"), N_("Name the procedure: these steps are not those of exactly one.")
    ),
    "bad-if-match": Words(422, N_("If-Match names no version"), N_('Send the ETag of what you saw, like "3".')),
    "bad-idempotency-key": Words(
        422, N_("Not an Idempotency-Key"), N_("Use 1 to %(limit)s visible ASCII characters without spaces.")
    ),
    "bad-cursor": Words(422, N_("This page cannot be found again"), N_("Start from the first page, without a cursor.")),
    "time-out-of-range": Words(
        422, N_("Not a time of ours"), N_("%(field)s must lie between 1900 and 2199: %(value)s.")
    ),
    "no-such-resource": Words(404, N_("No such resource"), N_("There is no room, person, device or bed %(resource)s.")),
    "unknown-protocol": Words(422, N_("No such procedure"), N_("There is no procedure with the code %(protocol)s.")),
    "protocol-not-in-force": Words(
        422, N_("This procedure is not offered then"), N_("%(protocol)s is not in force on %(date)s.")
    ),
    "protocol-superseded": Words(
        409,
        N_("The procedure has a newer version"),
        N_("%(protocol)s version %(version)s was followed by version %(current)s. Search again."),
    ),
    "protocol-refused": Words(
        422, N_("This protocol cannot be published"), N_("Nothing was stored. Each fault is listed with its entry.")
    ),
    "protocol-code-differs": Words(
        422, N_("Another code"), N_("This is %(protocol)s; the text says %(other)s. A code never changes.")
    ),
    "protocol-unchanged": Words(
        422, N_("Nothing was changed"), N_("This says the same as version %(version)s of %(protocol)s.")
    ),
    "protocol-exists": Words(
        409, N_("This code exists"), N_("There is already a procedure %(protocol)s. Open it, or choose another code.")
    ),
    "already-withdrawn": Words(
        409, N_("Already withdrawn"), N_("Version %(version)s of %(protocol)s ends it already.")
    ),
    "effective-in-past": Words(
        422, N_("The first day lies in the past"), N_("A version takes effect today (%(today)s) or later.")
    ),
    "bad-date": Words(422, N_("Not a date"), N_("“%(value)s” is not a date. Write it like 2026-12-01.")),
    "figure-bad": Words(422, N_("Not a whole number"), N_("%(field)s takes a whole number, not “%(value)s”.")),
    "licence-bad": Words(
        422,
        N_("This licence cannot be meant"),
        N_("%(field)s: %(value)s. Levels are 1 to 4, the last day not before the first."),
    ),
    "licence-twice": Words(
        422, N_("A licence stands twice"), N_("Family, level and first day are the same in two rows.")
    ),
    "licences-unchanged": Words(422, N_("Nothing was changed"), N_("%(resource)s has exactly these licences already.")),
    "licences-stale": Words(
        409,
        N_("Somebody changed these licences meanwhile"),
        N_("Nothing was saved. Look at them again and repeat your change."),
    ),
    "request-differs": Words(
        422,
        N_("Not what was requested"),
        N_("The request on the waiting list is for another patient or procedure: %(protocol)s."),
    ),
    "window-ends-before-start": Words(
        422,
        N_("The period ends before it begins"),
        N_("The earliest day (%(earliest)s) lies after the latest or the due day (%(latest)s)."),
    ),
    "wish-bad": Words(
        422, N_("This wish cannot be meant"), N_("Hours are written like 08:30, the first before the last: %(value)s.")
    ),
    "unknown-urgency": Words(422, N_("No such urgency"), N_("%(urgency)s is not one of: %(known)s.")),
    "unknown-role": Words(422, N_("No such role"), N_("The role %(role)s does not exist here.")),
    "unknown-resource": Words(422, N_("No such resource"), N_("There is no room, person, device or bed %(resource)s.")),
    "unknown-option": Words(422, N_("No such option"), N_("%(protocol)s has no option %(option)s.")),
    "option-too-often": Words(
        422, N_("An option counts too often"), N_("%(option)s may count at most %(most)s times, not %(count)s.")
    ),
    "options-exclude": Words(
        422, N_("These options do not go together"), N_("%(option)s and %(other)s cannot both be chosen.")
    ),
    "unknown-step": Words(422, N_("No such step"), N_("This procedure has no step %(step)s.")),
    "duplicate-step": Words(422, N_("A step is planned twice"), N_("The step %(step)s is planned more than once.")),
    "missing-step": Words(422, N_("A step is not planned"), N_("The step %(step)s has no place yet.")),
    "no-steps": Words(422, N_("Nothing to book"), N_("The placement has no steps.")),
    "earliest-after-latest": Words(
        422,
        N_("The period ends before it begins"),
        N_("The earliest day (%(earliest)s) lies after the latest (%(latest)s)."),
    ),
    "search-too-long": Words(422, N_("The period is too long"), N_("At most %(days)s days can be looked at at once.")),
    "search-too-far": Words(
        422, N_("Too far ahead"), N_("A search reaches at most %(days)s days ahead; choose an earlier date.")
    ),
    "reason-missing": Words(
        422, N_("A reason is needed"), N_("Please say why; the reason is kept with the appointment.")
    ),
    "text-too-long": Words(
        422, N_("The text is too long"), N_("%(field)s is longer than %(limit)s characters. Please shorten it.")
    ),
    "empty-text": Words(422, N_("Something is missing"), N_("%(field)s must not be empty.")),
    "control-characters": Words(
        422, N_("Characters that cannot be stored"), N_("%(field)s contains line breaks or control characters.")
    ),
    "unknown-milestone": Words(422, N_("No such milestone"), N_("%(kind)s is not one of the milestones.")),
    "milestone-in-future": Words(
        422, N_("This lies in the future"), N_("What has happened cannot lie in the future: %(at)s.")
    ),
    "milestone-order": Words(
        422, N_("The milestones are out of order"), N_("%(kind)s at %(at)s does not fit %(other)s at %(other_at)s.")
    ),
    "no-milestones": Words(422, N_("Nothing has happened yet"), N_("A fact needs one milestone or more.")),
    "fact-of-a-pathway": Words(
        422, N_("Not a single visit"), N_("%(protocol)s has %(steps)s steps; a fact belongs to a procedure of one.")
    ),
    "unknown-closure-kind": Words(
        422, N_("No such kind of closure"), N_("%(kind)s is not leave, closure or maintenance.")
    ),
    "unknown-duty": Words(422, N_("No such duty"), N_("%(duty)s is not one of: %(known)s.")),
    "unknown-person": Words(422, N_("No such person"), N_("Nobody with the code %(person)s stands on the roster.")),
    "leave-too-long": Words(
        422, N_("The leave is too long"), N_("One record reaches over at most %(days)s days; enter the rest by itself.")
    ),
    "time-in-future": Words(
        422, N_("This lies in the future"), N_("What has happened cannot lie in the future: %(at)s.")
    ),
    "ends-before-start": Words(
        422, N_("The end lies before the start"), N_("It starts %(starts)s and would end %(ends)s.")
    ),
    "same-bed": Words(
        422, N_("The patient already lies in this bed"), N_("A transfer needs another bed than %(bed)s.")
    ),
    "unknown-bed": Words(422, N_("No such bed"), N_("There is no bed %(bed)s.")),
    "before-last-move": Words(
        422, N_("Earlier than the last move"), N_("The present bed is lain in since %(starts)s; %(at)s is before that.")
    ),
    "discharge-before-admission": Words(
        422, N_("Discharged before admitted"), N_("The stay began %(starts)s; %(at)s is before that.")
    ),
    "unknown-sex": Words(422, N_("Sex is not one of the known values"), N_("Use one of: %(known)s.")),
    "unknown-flag": Words(422, N_("A mark that is not known"), N_("%(flag)s is not one of: %(known)s.")),
    "flag-particular": Words(
        422, N_("A particular that does not belong here"), N_("%(flag)s has no entry %(field)s. Leave it out.")
    ),
    "flag-date-bad": Words(422, N_("Not a date"), N_("“%(value)s” is not a date. Write it like 12-30 or 2027-02-10.")),
    "sex-missing": Words(
        422, N_("The sex is missing"), N_("Choose it, or type the identity card number where the date of birth is.")
    ),
    "id-card-bad": Words(
        422,
        N_("Not an identity card number"),
        N_("Its last sign or its sex does not fit. Check the eighteen signs, or type the date of birth."),
    ),
    "birth-date-bad": Words(
        422, N_("Not a date of birth"), N_("“%(birth_date)s” is not a date. Write it like 1965-04-12 or 19650412.")
    ),
    "birth-date-in-future": Words(
        422, N_("Born in the future"), N_("The date of birth %(birth_date)s lies in the future.")
    ),
    "birth-date-too-old": Words(
        422,
        N_("The date of birth is too long ago"),
        N_("%(birth_date)s would make the patient older than %(years)s years."),
    ),
    "bad-phone": Words(422, N_("Not a telephone number"), N_("A telephone number has digits, spaces, + and -.")),
    "login-bad": Words(422, N_("Not a sign-in name"), N_("Use 1 to 64 letters, digits or . @ + - _ without spaces.")),
    "name-empty": Words(422, N_("A name is needed"), N_("Please give a name.")),
    "password-short": Words(422, N_("The password is too short"), N_("Use at least %(shortest)s characters.")),
    "password-long": Words(422, N_("The password is too long"), N_("Use at most %(longest)s characters.")),
    "password-common": Words(
        422, N_("The password is too easy to guess"), N_("It is on the list of the most used passwords.")
    ),
    "password-like-login": Words(422, N_("The password is too easy to guess"), N_("It is nearly the sign-in name.")),
    "password-wrong": Words(422, N_("The present password is wrong"), N_("The password was not changed.")),
    "passwords-differ": Words(422, N_("The two new passwords differ"), N_("The password was not changed.")),
    "holiday-list-shape": Words(
        422, N_("Not a list of holidays"), N_("The entry %(key)s is missing or of the wrong kind.")
    ),
    "holiday-list-span": Words(
        422, N_("A holiday outside its year"), N_("%(first)s to %(last)s does not belong to the year.")
    ),
    "holiday-list-date": Words(422, N_("Not a date"), N_("%(key)s is not a date: %(value)s.")),
    "holiday-list-twice": Words(422, N_("A day stands twice"), N_("%(date)s is in the list twice.")),
    # Who may.
    "csrf": Words(
        400,
        N_("This request did not come from this page"),
        N_("Nothing was changed. Please send it again; if it is refused again, reload the page."),
    ),
    "sign-in-needed": Words(401, N_("Please sign in"), N_("This needs an account.")),
    "session-ended": Words(
        401, N_("You have been signed out"), N_("Nothing you typed is lost: sign in here and send it again.")
    ),
    "sign-in-failed": Words(401, N_("Sign-in failed"), N_("The sign-in name or the password is wrong.")),
    "sign-in-throttled": Words(
        429, N_("Too many attempts"), N_("Please wait %(seconds)s seconds before the next attempt.")
    ),
    "token-invalid": Words(401, N_("The token is not valid"), N_("It is unknown, revoked or past its last day.")),
    "not-allowed": Words(403, N_("Not allowed"), N_("Your role may not do this.")),
    "no-right-to-override": Words(403, N_("Not allowed"), N_("Your role may not set the rule %(rule)s aside.")),
    "rule-is-hard": Words(422, N_("This rule never yields"), N_("%(rule)s cannot be set aside by anybody.")),
    # What is not there.
    "not-found": Words(404, N_("Not found"), N_("There is nothing at this address, or not for you.")),
    "unknown-patient": Words(404, N_("No such patient"), N_("There is no patient at this address.")),
    "unknown-appointment": Words(404, N_("No such appointment"), N_("There is no appointment at this address.")),
    "unknown-closure": Words(404, N_("No such closure"), N_("There is no leave, closure or maintenance like this.")),
    "unknown-request": Words(404, N_("No such request"), N_("Nothing on the waiting list has this address.")),
    "unknown-encounter": Words(404, N_("No such stay"), N_("There is no ward stay at this address.")),
    # What the state of the world does not allow.
    "conflict": Words(409, N_("This is not possible now"), N_("Something changed in the meantime. Nothing was saved.")),
    "slot-taken": Words(409, N_("Already taken"), N_("%(resource)s is taken %(taken)s. Nothing was booked.")),
    "rule-broken": Words(409, N_("This does not fit"), N_("Nothing was booked. What stands in the way is listed.")),
    "hold-expired": Words(
        409,
        N_("The hold has lapsed"),
        N_("It was kept until %(hold_until)s. Search again; the same times may still be free."),
    ),
    "not-a-hold": Words(
        409, N_("This is not a hold"), N_("Only a hold can be confirmed or renewed; this is %(status)s.")
    ),
    "request-not-active": Words(
        409,
        N_("This request does not wait any more"),
        N_("Somebody was quicker: it is held, booked or taken back. Look at the waiting list again."),
    ),
    "already-waiting": Words(
        409, N_("Already on the waiting list"), N_("This patient waits for %(protocol)s. Change that request instead.")
    ),
    "already-over": Words(
        409, N_("This is already over"), N_("The appointment is %(status)s; nothing is left to cancel.")
    ),
    "not-movable": Words(409, N_("This can no longer be moved"), N_("The step %(step)s is %(status)s.")),
    "illegal-transition": Words(
        409, N_("Not possible in this state"), N_("It is %(status)s; that does not allow this.")
    ),
    "bed-or-lodger-ward": Words(
        422, N_("A bed or another ward"), N_("Say in which bed of ours the patient lies, or on which other ward.")
    ),
    "not-due-yet": Words(
        409, N_("Too early to say"), N_("It is planned for %(starts)s; only then can somebody have failed to come.")
    ),
    "duplicate-record-number": Words(
        409,
        N_("This record number exists"),
        N_("A patient with the record number %(record_number)s is already here. Use that one, or correct the number."),
    ),
    "same-record": Words(422, N_("This is one record already"), N_("Choose two different patients to merge.")),
    "merge-overlap": Words(
        409,
        N_("One person cannot be in two places"),
        N_(
            "%(count)s bookings or stays of the two overlap. Move or cancel one of each pair first; nothing was merged."
        ),
    ),
    "not-merged": Words(
        409, N_("This record stands by itself"), N_("%(record_number)s did not go into another record.")
    ),
    "merged-further": Words(
        409,
        N_("A later merge stands in the way"),
        N_("%(record_number)s itself went into another record since. Take that merge back first."),
    ),
    "patient-merged": Words(
        409,
        N_("The patient's record went into another"),
        N_("It does not stand by itself any more; nothing was booked. Choose the patient again."),
    ),
    "likely-duplicate": Words(
        409,
        N_("Perhaps here already"),
        N_("%(count)s records may be of the same person. Use one of them, or enter the patient anyway."),
    ),
    "already-admitted": Words(409, N_("Already on the ward"), N_("This patient has a stay that has not ended.")),
    "not-admitted": Words(409, N_("Not on the ward"), N_("This stay is %(status)s.")),
    "bed-occupied": Words(409, N_("The bed is occupied"), N_("Somebody lies in bed %(resource)s %(span)s.")),
    "bed-closed": Words(409, N_("The bed is closed"), N_("Bed %(bed)s is closed until %(until)s.")),
    "last-administrator": Words(
        409,
        N_("The last administrator"),
        N_("%(login)s is the last account that may administer. Give somebody else that role first."),
    ),
    "login-taken": Words(409, N_("This sign-in name exists"), N_("There is already an account %(login)s.")),
    "name-taken": Words(409, N_("This name exists"), N_("There is already a token called %(name)s.")),
    "room-not-imported": Words(
        409,
        N_("This room is the department's own"),
        N_("%(resource)s did not come from a case log and stays as it is."),
    ),
    "database-not-empty": Words(
        409, N_("The database is not empty"), N_("A demonstration fills an empty database only; %(table)s has rows.")
    ),
    "no-place-found": Words(409, N_("No place was found"), N_("%(protocol)s has no place on %(date)s.")),
    "no-department": Words(409, N_("There is no department yet"), N_("Load one with `run.py load-department`.")),
    "protocol-version-published": Words(
        409, N_("This version is published"), N_("%(protocol)s version %(version)s cannot change; raise the version.")
    ),
    "stale-version": Words(
        412,
        N_("Somebody changed it meanwhile"),
        N_("You saw version %(expected)s, now it is %(actual)s. Look again and repeat your change."),
    ),
    "if-match-missing": Words(428, N_("If-Match is missing"), N_("Send the version you saw as an If-Match header.")),
    # The protocol of the web.
    "bad-request": Words(400, N_("The request cannot be understood"), N_("Please go back and try again.")),
    "not-utf8": Words(
        400,
        N_("Another encoding than UTF-8"),
        N_(
            "Nothing was saved. Send the text as UTF-8, not as GBK or another encoding; a file: save it as UTF-8 first."
        ),
    ),
    "untrusted-host": Words(400, N_("Unknown host name"), N_("This server does not answer to that name.")),
    "method-not-allowed": Words(405, N_("Not possible here"), N_("This address does not take that kind of request.")),
    "too-large": Words(413, N_("Too large"), N_("The request is larger than the server accepts.")),
    "unsupported-media-type": Words(415, N_("Not this format"), N_("This address takes JSON.")),
    "too-many-requests": Words(429, N_("Too many requests"), N_("Please wait a moment.")),
    "internal": Words(
        500,
        N_("Something went wrong here"),
        N_("Nothing you did is to blame. Tell the administrator this number: %(request_id)s."),
    ),
    "service-unavailable": Words(
        503,
        N_("The database does not answer"),
        N_("Nothing was saved. What you typed is still here; try again in a few seconds."),
    ),
    # Broken rules, inside `violations`.
    "wrong-length": Words(None, N_("Wrong length"), N_("%(step)s takes %(minutes)s minutes, not %(span)s.")),
    "need-not-filled": Words(
        None, N_("Somebody or something is missing"), N_("%(step)s needs %(count)s × %(role)s; %(filled)s given.")
    ),
    "outside-window": Words(
        None, N_("Outside the period"), N_("%(step)s would start %(starts)s, outside the period asked for.")
    ),
    "outside-horizon": Words(None, N_("Too far away"), N_("%(span)s lies outside the days that are planned.")),
    "require-not-met": Words(None, N_("Not as wished"), N_("%(step)s was to have %(resource)s as %(role)s.")),
    "role-taken-twice": Words(
        None, N_("Two roles for one"), N_("%(resource)s cannot be %(role)s and %(other_role)s in %(step)s.")
    ),
    "self-overlap": Words(
        None, N_("The steps overlap"), N_("%(step)s and %(other_step)s want %(resource)s at the same time.")
    ),
    "lag-too-short": Words(
        None, N_("Too soon"), N_("%(then)s comes %(gap)s after %(first)s; at least %(bound)s (%(unit)s).")
    ),
    "lag-too-long": Words(
        None, N_("Too late"), N_("%(then)s comes %(gap)s after %(first)s; at most %(bound)s (%(unit)s).")
    ),
    "wrong-kind": Words(None, N_("The wrong kind"), N_("%(resource)s is %(kind)s; %(role)s needs %(needed)s.")),
    "wrong-patient": Words(None, N_("Another patient"), N_("The plan of %(step)s names another patient.")),
    "lacks-attribute": Words(None, N_("Not equipped for it"), N_("%(resource)s lacks %(attributes)s.")),
    "not-eligible": Words(
        None, N_("Not one of those allowed"), N_("%(role)s must be one of %(codes)s, not %(resource)s.")
    ),
    "privilege-missing": Words(
        None,
        N_("Not licensed for it"),
        N_("%(resource)s has no licence for %(family)s at level %(level)s on that day."),
    ),
    "outside-hours": Words(
        None, N_("Outside the hours of this visit"), N_("%(step)s lies between %(from)s and %(to)s.")
    ),
    "lead-too-short": Words(
        None,
        N_("Too soon after the booking"),
        N_("%(step)s comes %(days)s days after the booking of %(booked_on)s or later: from %(first_day)s."),
    ),
    "supply-past-use-by": Words(
        None, N_("What was ordered no longer keeps"), N_("What was ordered for %(step)s keeps until %(use_by)s.")
    ),
    "patient-sex": Words(
        None, N_("Not for this patient"), N_("This procedure is only for patients of this sex: %(sex)s.")
    ),
    "outside-opening": Words(None, N_("Outside opening hours"), N_("%(resource)s is not open %(span)s.")),
    "in-closure": Words(None, N_("Closed or on leave"), N_("%(resource)s is not there until %(until)s.")),
    "occupied": Words(None, N_("Occupied"), N_("%(who)s is occupied until %(until)s.")),
    "patient-elsewhere": Words(
        409, N_("The patient is elsewhere"), N_("The patient has another appointment then (%(taken)s).")
    ),
    "bed-span-wrong": Words(None, N_("Wrong bed nights"), N_("The bed must be kept %(span)s.")),
    "admission-in-past": Words(
        None, N_("The admission has passed"), N_("The bed %(resource)s would have to be taken from %(at)s.")
    ),
    "extra-slot": Words(None, N_("More than is needed"), N_("%(step)s needs no further %(role)s: %(resource)s.")),
    "slot-span-wrong": Words(
        None, N_("Wrong times for a role"), N_("%(role)s of %(step)s is needed %(expected)s, not %(span)s.")
    ),
    "no-bed": Words(None, N_("No bed"), N_("No bed is free for the nights of %(step)s.")),
    # Why a day is refused, inside `blocked_by`.
    "closed": Words(None, N_("Closed"), N_("%(who)s: not open that day.")),
    "leave": Words(None, N_("On leave"), N_("%(who)s: on leave.")),
    "closure": Words(None, N_("Closed"), N_("%(who)s: closed.")),
    "maintenance": Words(None, N_("In maintenance"), N_("%(who)s: in maintenance.")),
    "no-licence": Words(None, N_("Nobody licensed"), N_("%(who)s: nobody licensed is there.")),
    "nobody": Words(None, N_("Nobody can do it"), N_("%(who)s: there is nobody and nothing that can.")),
    "unavailable": Words(None, N_("Nobody free"), N_("%(who)s: nobody free long enough.")),
    "required-resource": Words(None, N_("The wish stands in the way"), N_("%(who)s: %(resource)s is not free.")),
    "lag": Words(None, N_("The steps do not fit together"), N_("%(step)s finds no place at the right distance.")),
    "combination": Words(
        None,
        N_("Each is free, but never together"),
        N_("Everything needed is free at some time, but never at the same time."),
    ),
    # Calendar subscriptions.
    "unknown-privacy": Words(422, N_("No such level of privacy"), N_("%(privacy)s is not one of: %(known)s.")),
    "unknown-language": Words(422, N_("No such language"), N_("There is no language %(language)s here.")),
    "names-not-allowed": Words(
        403,
        N_("Names do not leave in calendars"),
        N_("This site or your role does not let patients' names leave in a calendar. Choose another level."),
    ),
    "too-many-feeds": Words(
        409, N_("Too many subscriptions"), N_("You have %(limit)s subscriptions. Revoke one that nobody reads first.")
    ),
    "unknown-feed": Words(404, N_("No such subscription"), N_("It was revoked or has run out. Make a new one.")),
    # Board and ward.
    "bad-day": Words(422, N_("Not a day"), N_("“%(value)s” is not a day. Write it like 2026-12-01.")),
    "bad-time": Words(422, N_("Not a time"), N_("“%(value)s” is not a time. Write it like 09:30 or 0930.")),
    "nothing-to-undo": Words(
        409, N_("Nothing to take back"), N_("It was not moved, or something else was done since.")
    ),
    "nobody-found": Words(422, N_("Nobody found"), N_("No patient is called or numbered %(text)s.")),
    "several-patients": Words(422, N_("Several patients"), N_("%(count)s patients fit. Please choose one.")),
    # Case logs: a row or a file that cannot be imported.
    "bad-mapping": Words(500, N_("The mapping has a fault"), N_("%(file)s: %(entry)s: %(reason)s.")),
    "case-file-unreadable": Words(500, N_("The case log cannot be read"), N_("%(file)s: %(reason)s.")),
    "case-file-empty": Words(500, N_("The case log is empty"), N_("%(file)s has no rows.")),
    "case-file-columns": Words(500, N_("Columns are missing"), N_("%(file)s lacks: %(columns)s.")),
    "case-file-column-twice": Words(500, N_("A column stands twice"), N_("%(file)s has more than one: %(columns)s.")),
    "case-file-encoding": Words(
        500, N_("Another encoding"), N_("%(file)s is not %(encoding)s: line %(line)s has %(found)s.")
    ),
    "case-row-shape": Words(
        422, N_("Too many or too few cells"), N_("The row has %(cells)s cells for %(columns)s columns.")
    ),
    "case-cell-empty": Words(422, N_("A cell is empty"), N_("%(column)s is empty.")),
    "case-cell-formula": Words(
        422, N_("A formula without a value"), N_("%(column)s holds a formula that was never calculated.")
    ),
    "case-bad-date": Words(422, N_("Not a date and time"), N_("%(column)s is not a date or time: %(value)s.")),
    "case-no-such-time": Words(
        422, N_("This time did not exist"), N_("%(value)s in %(column)s was skipped by the clocks of %(zone)s.")
    ),
    "case-bad-minutes": Words(
        422, N_("Not a number of minutes"), N_("%(column)s is not a number of minutes: %(value)s.")
    ),
    "case-bad-duration": Words(
        422, N_("Not a believable duration"), N_("%(minutes)s minutes; a case takes 1 to %(longest)s.")
    ),
    "case-order": Words(
        422, N_("The times are out of order"), N_("%(column)s (%(at)s) lies after %(other_column)s (%(other_at)s).")
    ),
    "case-unknown-room": Words(422, N_("A room the mapping does not name"), N_("%(column)s says %(value)s.")),
    "case-bad-sex": Words(422, N_("Sex is not one of the known values"), N_("%(column)s says %(value)s.")),
    "case-bad-age": Words(422, N_("Not an age"), N_("%(column)s says %(value)s.")),
    "case-bad-reference": Words(
        422, N_("The case number is too long"), N_("%(column)s has more than %(longest)s characters.")
    ),
    "case-duplicate": Words(422, N_("A case stands twice"), N_("Case %(case)s already stands in row %(row)s.")),
    "case-room-full": Words(
        409, N_("More cases at once than rooms"), N_("Case %(case)s (%(span)s): all %(rooms)s rooms are taken.")
    ),
    "case-overlap": Words(
        409, N_("Two cases overlap"), N_("Case %(case)s (%(span)s) overlaps case %(other)s in %(resource)s.")
    ),
    "case-patient-elsewhere": Words(
        409, N_("The patient is elsewhere"), N_("Case %(case)s (%(span)s): the patient is in case %(other)s then.")
    ),
    # Rosters: a file that cannot be taken, and the faults of its cells inside `violations`.
    "no-file": Words(422, N_("No file was chosen"), N_("Choose the workbook with the roster and send it again.")),
    "roster-faults": Words(
        422,
        N_("The roster was not taken"),
        N_("%(count)s places cannot be understood; nothing was stored. Mend them in the file and send it again."),
    ),
    "roster-too-large": Words(
        422,
        N_("The file is too large"),
        N_("%(file)s is larger than %(limit)s. Keep only the sheets of the roster, without pictures."),
    ),
    "roster-too-many": Words(
        422,
        N_("The workbook is too long"),
        N_("%(file)s has more than 24 sheets, or a sheet more than 500 rows or 100 columns. Keep only the roster."),
    ),
    "roster-encrypted": Words(
        422, N_("The file has a password"), N_("Save %(file)s without a password and send it again.")
    ),
    "roster-old-excel": Words(
        422, N_("An old kind of workbook"), N_("%(file)s is of the kind XLS. Save it as XLSX and send it again.")
    ),
    "roster-text-file": Words(
        422,
        N_("This is a text, not a workbook"),
        N_("%(file)s is a text (%(encoding)s), whatever its name says. Open it in a spreadsheet and save it as XLSX."),
    ),
    "roster-not-excel": Words(
        422,
        N_("This is no workbook"),
        N_("%(file)s is not of the kind XLSX. Save the roster as XLSX and send it again."),
    ),
    "roster-damaged": Words(
        422,
        N_("The file is damaged"),
        N_("%(file)s cannot be read. Open it in a spreadsheet, save it anew, send it again."),
    ),
    "roster-empty": Words(422, N_("The file is empty"), N_("%(file)s has no visible sheet with anything in it.")),
    "roster-changed": Words(
        409,
        N_("The roster changed meanwhile"),
        N_("Somebody changed it since this was shown. Nothing was stored; look at the differences again."),
    ),
    "roster-merged": Words(None, N_("Merged cells"), N_("Split them and fill in each cell.")),
    "roster-date-text": Words(
        None,
        N_("A date that is a text"),
        N_("“%(value)s” is a text. Enter a date, or the day's number with year and month in a cell above."),
    ),
    "roster-not-a-date": Words(
        None, N_("A column without a day"), N_("“%(value)s” is no date. Enter one, or leave the column empty.")
    ),
    "roster-no-dates": Words(
        None,
        N_("No days"),
        N_("No row near the top has dates. Head each column with its day, or name the sheet Notes."),
    ),
    "roster-no-month": Words(
        None,
        N_("Days without a month"),
        N_("Which month's %(value)s is meant? Write year and month, like 2026-12, into a cell above."),
    ),
    "roster-no-such-day": Words(None, N_("No such day"), N_("%(month)s has no day %(value)s.")),
    "roster-day-twice": Words(None, N_("A day stands twice"), N_("%(date)s stands in %(other)s already.")),
    "roster-day-far": Words(
        None, N_("A day too far away"), N_("%(date)s is more than %(days)s days from today. Is the year right?")
    ),
    "roster-cell-twice": Words(
        None, N_("One day twice"), N_("This day of this person stands in %(other)s already. Keep one of the two.")
    ),
    "roster-unknown-person": Words(
        None,
        N_("Nobody of this name"),
        N_("Nobody is called “%(value)s”; most like it is %(nearest)s. Write the name or code as the roster has it."),
    ),
    "roster-two-people": Words(
        None, N_("Two people of one name"), N_("“%(value)s” is the name of %(people)s. Write the code instead.")
    ),
    "roster-person-twice": Words(
        None, N_("A person stands twice"), N_("The same person stands in %(other)s already. Keep one row.")
    ),
    "roster-no-person": Words(None, N_("A row without a person"), N_("Write whose row this is, or empty its cells.")),
    "roster-code-and-name": Words(
        None, N_("Code and name do not fit"), N_("%(number)s is not the code of “%(name)s”. Mend one of the two.")
    ),
    "roster-unknown-sign": Words(
        None, N_("A sign that means nothing"), N_("“%(value)s” is none of the signs; they are listed below.")
    ),
    "roster-formula": Words(
        None, N_("A formula without a value"), N_("It was never calculated. Open and save the file in a spreadsheet.")
    ),
    # The installation; said on the terminal.
    "bad-department": Words(
        500, N_("The department's files have faults"), N_("Nothing was loaded. Each fault is listed with its file.")
    ),
    "setup": Words(500, N_("The installation cannot run like this"), N_("Please look at docs/operations.md.")),
    "setting-bad": Words(500, N_("A bad setting"), N_("%(name)s: %(reason)s (docs/settings.md).")),
    "not-https": Words(
        500,
        N_("No https"),
        N_("Other machines can reach %(host)s: set NEEDLEPOINT_BASE_URL to the https address (docs/settings.md)."),
    ),
    "secret-key-missing": Words(
        500,
        N_("No secret key"),
        N_("Set NEEDLEPOINT_SECRET_KEY, or put a random key of 32 characters or more into %(path)s."),
    ),
    "secret-key-weak": Words(500, N_("The secret key is too short"), N_("%(path)s needs 32 characters or more.")),
    "secret-key-file": Words(500, N_("The secret key cannot be read"), N_("%(path)s: %(reason)s.")),
    "undeclared-route": Words(500, N_("A page without a policy"), N_("%(route)s does not say who may open it.")),
    "refused": Words(409, N_("Refused"), N_("This is not possible.")),
}
