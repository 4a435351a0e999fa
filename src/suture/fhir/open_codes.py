"""Code systems that no FHIR package lists, because they are too large or kept elsewhere, as checks.

MIME types (https://www.rfc-editor.org/rfc/rfc6838#section-4.2), language tags (https://www.rfc-editor.org/rfc/rfc5646),
UCUM units, RGB colours, ISO 4217 currencies and ISO 3166 countries. Grammars where listing is absurd,
lists where they are short.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec

from suture.fhir.ucum import is_unit


class OpenCodes(msgspec.Struct, frozen=True):
    """A code system known by its rules. `accepts(code)`: whether it is a code. `expects`: what is right, in words."""

    accepts: Callable[[str], bool]
    expects: str


_NAME = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_PARAMETER = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
# RFC 2045 wants quotes around most of these, but FHIR itself writes canonicalization=http://hl7.org/… without.
_PARAMETER_VALUE = r"[^\s\x00-\x1f\x7f-\uffff;,\"\\]+"
_QUOTED = r'"(?:[^"\\\x00-\x1f]|\\[^\x00-\x1f])*"'
_MIME = re.compile(rf"{_NAME}/{_NAME}(?:\s*;\s*{_PARAMETER}=(?:{_PARAMETER_VALUE}|{_QUOTED}))*").fullmatch
# The formats of FHIR itself may be named shortly (https://hl7.org/fhir/R4/http.html#mime-type).
_SHORT_FORMATS = frozenset(("xml", "json", "ttl"))

_LANGUAGE = re.compile(
    r"(?:(?P<language>[a-z]{2,3})(?:-[a-z]{3}){0,3}|[a-z]{4,8})"
    r"(?:-[a-z]{4})?(?:-(?:[a-z]{2}|[0-9]{3}))?(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*"
    r"(?:-[0-9a-wyz](?:-[a-z0-9]{2,8})+)*(?:-x(?:-[a-z0-9]{1,8})+)?"
    r"|x(?:-[a-z0-9]{1,8})+"
    r"|en-gb-oed|i-(?:ami|bnn|default|enochian|hak|klingon|lux|mingo|navajo|pwn|tao|tay|tsu)|sgn-(?:be-fr|be-nl|ch-de)",
    re.IGNORECASE,
).fullmatch

# ISO 639-1, with the withdrawn codes that language tags still know.
_TWO_LETTER_LANGUAGES = frozenset(
    """
    aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee
    el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik in io
    is it iu iw ja ji jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml
    mn mo mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd
    se sg sh si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi
    vo wa wo xh yi yo za zh zu
""".split()
)

# ISO 4217: in use, funds and metals.
_CURRENCIES = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF
    CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD
    GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK
    LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR
    PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL
    THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAD XAF XAG XAU XBA
    XBB XBC XBD XCD XCG XDR XOF XPD XPF XPT XSU XTS XUA XXX YER ZAR ZMW ZWG
"""

# ISO 4217: withdrawn; older records hold them.
_FORMER_CURRENCIES = """
    ADP AFA ANG ATS AYM AZM BEF BGL BYR CSD CSJ CSK CUC CYP DDM DEM EEK ESP FIM FRF GHC GRD GWP IEP ITL LTL LUF
    LVL MGF MRO MTL MZM NLG PTE ROL SDD SIT SKK SLL SRG STD SUR TMM TRL UYN VEB VEF XEU XFO XFU YUM ZMK ZRN ZWD
    ZWL ZWN ZWR
"""

CURRENCY_CODES = frozenset((_CURRENCIES + _FORMER_CURRENCIES).split())
"""ISO 4217, withdrawn ones among them."""

# ISO 3166-1: two letters, three letters and number of each country.
_COUNTRIES = """
    ADAND020 AEARE784 AFAFG004 AGATG028 AIAIA660 ALALB008 AMARM051 AOAGO024 AQATA010 ARARG032 ASASM016 ATAUT040
    AUAUS036 AWABW533 AXALA248 AZAZE031 BABIH070 BBBRB052 BDBGD050 BEBEL056 BFBFA854 BGBGR100 BHBHR048 BIBDI108
    BJBEN204 BLBLM652 BMBMU060 BNBRN096 BOBOL068 BQBES535 BRBRA076 BSBHS044 BTBTN064 BVBVT074 BWBWA072 BYBLR112
    BZBLZ084 CACAN124 CCCCK166 CDCOD180 CFCAF140 CGCOG178 CHCHE756 CICIV384 CKCOK184 CLCHL152 CMCMR120 CNCHN156
    COCOL170 CRCRI188 CUCUB192 CVCPV132 CWCUW531 CXCXR162 CYCYP196 CZCZE203 DEDEU276 DJDJI262 DKDNK208 DMDMA212
    DODOM214 DZDZA012 ECECU218 EEEST233 EGEGY818 EHESH732 ERERI232 ESESP724 ETETH231 FIFIN246 FJFJI242 FKFLK238
    FMFSM583 FOFRO234 FRFRA250 GAGAB266 GBGBR826 GDGRD308 GEGEO268 GFGUF254 GGGGY831 GHGHA288 GIGIB292 GLGRL304
    GMGMB270 GNGIN324 GPGLP312 GQGNQ226 GRGRC300 GSSGS239 GTGTM320 GUGUM316 GWGNB624 GYGUY328 HKHKG344 HMHMD334
    HNHND340 HRHRV191 HTHTI332 HUHUN348 IDIDN360 IEIRL372 ILISR376 IMIMN833 ININD356 IOIOT086 IQIRQ368 IRIRN364
    ISISL352 ITITA380 JEJEY832 JMJAM388 JOJOR400 JPJPN392 KEKEN404 KGKGZ417 KHKHM116 KIKIR296 KMCOM174 KNKNA659
    KPPRK408 KRKOR410 KWKWT414 KYCYM136 KZKAZ398 LALAO418 LBLBN422 LCLCA662 LILIE438 LKLKA144 LRLBR430 LSLSO426
    LTLTU440 LULUX442 LVLVA428 LYLBY434 MAMAR504 MCMCO492 MDMDA498 MEMNE499 MFMAF663 MGMDG450 MHMHL584 MKMKD807
    MLMLI466 MMMMR104 MNMNG496 MOMAC446 MPMNP580 MQMTQ474 MRMRT478 MSMSR500 MTMLT470 MUMUS480 MVMDV462 MWMWI454
    MXMEX484 MYMYS458 MZMOZ508 NANAM516 NCNCL540 NENER562 NFNFK574 NGNGA566 NINIC558 NLNLD528 NONOR578 NPNPL524
    NRNRU520 NUNIU570 NZNZL554 OMOMN512 PAPAN591 PEPER604 PFPYF258 PGPNG598 PHPHL608 PKPAK586 PLPOL616 PMSPM666
    PNPCN612 PRPRI630 PSPSE275 PTPRT620 PWPLW585 PYPRY600 QAQAT634 REREU638 ROROU642 RSSRB688 RURUS643 RWRWA646
    SASAU682 SBSLB090 SCSYC690 SDSDN729 SESWE752 SGSGP702 SHSHN654 SISVN705 SJSJM744 SKSVK703 SLSLE694 SMSMR674
    SNSEN686 SOSOM706 SRSUR740 SSSSD728 STSTP678 SVSLV222 SXSXM534 SYSYR760 SZSWZ748 TCTCA796 TDTCD148 TFATF260
    TGTGO768 THTHA764 TJTJK762 TKTKL772 TLTLS626 TMTKM795 TNTUN788 TOTON776 TRTUR792 TTTTO780 TVTUV798 TWTWN158
    TZTZA834 UAUKR804 UGUGA800 UMUMI581 USUSA840 UYURY858 UZUZB860 VAVAT336 VCVCT670 VEVEN862 VGVGB092 VIVIR850
    VNVNM704 VUVUT548 WFWLF876 WSWSM882 YEYEM887 YTMYT175 ZAZAF710 ZMZMB894 ZWZWE716
""".split()

COUNTRY_TRIPLES = tuple((country[:2], country[2:5], country[5:]) for country in _COUNTRIES)
"""ISO 3166-1: two letters, three letters and number of each country."""

_COUNTRY_CODES = frozenset(part for country in COUNTRY_TRIPLES for part in country)

_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}").fullmatch


def is_mime_type(code: str) -> bool:
    """Whether `code` is formed as a MIME type, with parameters or without, or names a FHIR format."""
    return len(code) <= 1000 and (_MIME(code) is not None or code in _SHORT_FORMATS)


def is_language(code: str) -> bool:
    """Whether `code` is a well-formed language tag whose two-letter language exists."""
    if len(code) > 100:
        return False
    tag = _LANGUAGE(code)
    if tag is None:
        return False
    language = tag["language"]
    return language is None or len(language) == 3 or language.lower() in _TWO_LETTER_LANGUAGES


OPEN_SYSTEMS: Mapping[str, OpenCodes] = MappingProxyType(
    {
        "urn:ietf:bcp:13": OpenCodes(is_mime_type, "a MIME type such as application/pdf"),
        "urn:ietf:bcp:47": OpenCodes(is_language, "a language tag such as en or de-CH"),
        "http://unitsofmeasure.org": OpenCodes(is_unit, "a UCUM unit such as mg/dL"),
        "urn:iso:std:iso:4217": OpenCodes(CURRENCY_CODES.__contains__, "an ISO 4217 currency such as EUR"),
        "urn:iso:std:iso:3166": OpenCodes(_COUNTRY_CODES.__contains__, "an ISO 3166 country such as DE, DEU or 276"),
        "http://hl7.org/fhir/color-rgb": OpenCodes(lambda code: _COLOUR(code) is not None, "a colour such as #FF8800"),
    }
)
"""By code system URL."""
