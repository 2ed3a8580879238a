"""The words that invented people are made of: names, towns, messages, phones, kinds of property.

Phones come from the ranges ARCEP keeps for fiction, addresses from example domains.
"""

from __future__ import annotations

FIRST = (
    "Camille",
    "Léa",
    "Jean-Baptiste",
    "Chloé",
    "Mohamed",
    "Inès",
    "Hugo",
    "Zoé",
    "Thibault",
    "Aïcha",
    "Maëlle",
    "Paul",
    "Noémie",
    "Lucas",
    "Anaïs",
    "Yann",
    "Clémence",
    "Théo",
    "Élodie",
    "Karim",
    "Françoise",
    "Gaël",
    "Margaux",
    "Sébastien",
)
LAST = (
    "Essai",
    "Modèle",
    "Delorme-Exemple",
    "Lefictif",
    "Duspécimen",
    "Martel-Test",
    "Imaginet",
    "de La Tourfictive",
    "N’Exemple",
    "Ébauche",
    "Échantillon",
    "Maquette",
    "Prototype",
    "Brouillon",
)
CITIES = (
    ("75011", "Paris 11e"),
    ("69003", "Lyon 3e"),
    ("13008", "Marseille 8e"),
    ("33000", "Bordeaux"),
    ("31000", "Toulouse"),
    ("44000", "Nantes"),
    ("67000", "Strasbourg"),
    ("59800", "Lille"),
    ("34000", "Montpellier"),
    ("35000", "Rennes"),
    ("06000", "Nice"),
    ("92100", "Boulogne-Billancourt"),
    ("74000", "Annecy"),
    ("64200", "Biarritz"),
    ("56000", "Vannes"),
    ("37000", "Tours"),
)
PHONES = ("0199 00", "0261 91", "0353 01", "0465 71", "0536 49", "0639 98", "0639 98", "0639 98")
MESSAGES = (
    "Bonjour, votre annonce m’intéresse. Serait-il possible de visiter samedi matin ?",
    "Bonjour,\nPouvez-vous me préciser le montant des charges et de la taxe foncière ?\nMerci.",
    "Nous avons un accord de financement et souhaitons visiter. Merci de nous rappeler.",
    "Bonjour, je cherche pour mes parents. Y a-t-il un ascenseur et une place de parking ?",
    "Le bien est-il toujours disponible ? Je suis joignable après 18 h.",
    "Bonjour, investisseur, je souhaite connaître le loyer actuel et la rentabilité.",
    "Hello, is this property still available? We are moving from Brussels in January.",
    "Bonjour 😊 coup de cœur pour cette maison ! Peut-on la voir cette semaine ?",
    "Bonjour, les animaux sont-ils acceptés ? Nous avons un chat très calme.",
    "Merci de m’envoyer le DPE et les diagnostics avant la visite.",
)
AGENCY_MESSAGES = (
    "Bonjour, je souhaite vendre mon appartement et aimerais rencontrer un conseiller.",
    "Bonjour, assurez-vous la gestion locative dans mon quartier ?",
    "Pouvez-vous me rappeler au sujet d’une mise en location ?",
)
KINDS: tuple[tuple[str, str, str, tuple[int, int], tuple[int, int]], ...] = (
    ("APARTMENT", "apartment", "LOFT", (24, 130), (1, 5)),
    ("APARTMENT", "apartment", "DUPLEX", (45, 150), (2, 6)),
    ("HOUSE", "house", "SINGLE_FAMILY_HOUSE", (70, 220), (3, 8)),
    ("HOUSE", "house", "VILLA", (110, 320), (4, 10)),
    ("PLOT", "plot", "COMMERCIAL", (300, 2500), (0, 0)),
    ("OFFICE", "office", "SINGLE_OFFICE", (30, 400), (1, 12)),
    ("PARKING", "parking", "GARAGE", (12, 20), (0, 0)),
    ("TRADING", "trading", "STORE", (25, 260), (1, 4)),
    ("GASTRONOMY_HOTEL", "gastroHotel", "RESTAURANT", (60, 400), (2, 10)),
    ("STORAGE_PRODUCTION", "storageProduction", "WAREHOUSE_HALL", (150, 3000), (0, 0)),
    ("AGRICULTURE_FORESTRY", "agricultureForestry", "GARDENING", (800, 9000), (0, 0)),
    ("SENIOR", "senior", "ASSISTED_LIVING", (25, 60), (1, 2)),
    ("PROJECT", "project", "PLANED", (30, 110), (1, 5)),
)
"""Kinds of property: type, the key of its subtype, the subtype, surface in m², rooms."""
KIND_SHARES = (22, 12, 18, 8, 7, 5, 5, 4, 2, 2, 2, 3, 5)

DOMAINS = ("example.org", "example.com", "example.net")
