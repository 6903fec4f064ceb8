"""What stands in a text where something personal stood. The marks ‹ › occur nowhere else in a
scrubbed text: the scrubber turns those that came in into plain quotes first.
"""

OPEN = "‹"

PERSON = "‹iemand›"
EMAIL = "‹e-mailadres›"
PHONE = "‹telefoonnummer›"
ACCOUNT = "‹rekeningnummer›"
CITIZEN_NUMBER = "‹burgerservicenummer›"
LINK = "‹link›"

PLACEHOLDERS = (PERSON, EMAIL, PHONE, ACCOUNT, CITIZEN_NUMBER, LINK)
