"""UCUM, the Unified Code for Units of Measure: whether a text is a well-formed unit of known atoms.

Specification: https://ucum.org/ucum (case-sensitive codes, sections 2.1 to 2.4): terms of units with exponents,
joined by `.` and `/`, with `{annotations}`. Conversion between units is not done here.
"""

import re
from functools import lru_cache

MAX_LENGTH = 200
"""Characters of one unit expression."""

_MAX_NESTING = 10

_PREFIXES = """
    E G Gi Ki M Mi P T Ti Y Z a c d da f h k m n p u y z
""".split()  # noqa: SIM905

# Atoms that take a prefix.
_METRIC = """
    m s g rad K C cd mol sr Hz N Pa J W A V F Ohm S Wb Cel T H lm lx Bq Gy Sv l L ar t bar u pc [c] [h] [k]
    [eps_0] [mu_0] [e] eV [m_e] [m_p] [G] [g] [ly] gf Ky Gal dyn erg P Bi St Mx G Oe Gb sb Lmb ph Ci R RAD REM
    cal_[15] cal_[20] cal_m cal_IT cal_th cal tex m[H2O] m[Hg] eq osm g% kat U [iU] [IU] Np B B[SPL] B[V] B[mV]
    B[uV] B[10.nV] B[W] B[kW] st mho bit By Bd
""".split()  # noqa: SIM905

# Atoms that do not, and the two spellings of a power of ten.
_PLAIN = """
    10* 10^ [pi] % [ppth] [ppm] [ppb] [pptr] deg gon ' '' min h d a_t a_j a_g a wk mo_s mo_j mo_g mo AU Torr atm
    [in_i] [ft_i] [yd_i] [mi_i] [fth_i] [nmi_i] [kn_i] [sin_i] [sft_i] [syd_i] [cin_i] [cft_i] [cyd_i] [bf_i]
    [cr_i] [mil_i] [cml_i] [hd_i] [ft_us] [yd_us] [in_us] [rd_us] [ch_us] [lk_us] [rch_us] [rlk_us] [fth_us]
    [fur_us] [mi_us] [acr_us] [srd_us] [smi_us] [sct] [twp] [mil_us] [in_br] [ft_br] [rd_br] [ch_br] [lk_br]
    [fth_br] [pc_br] [yd_br] [mi_br] [nmi_br] [kn_br] [acr_br] [gal_us] [bbl_us] [qt_us] [pt_us] [gil_us]
    [foz_us] [fdr_us] [min_us] [crd_us] [bu_us] [gal_wi] [pk_us] [dqt_us] [dpt_us] [tbs_us] [tsp_us] [cup_us]
    [foz_m] [cup_m] [tsp_m] [tbs_m] [gal_br] [pk_br] [bu_br] [qt_br] [pt_br] [gil_br] [foz_br] [fdr_br] [min_br]
    [gr] [lb_av] [lbf_av] [oz_av] [dr_av] [scwt_av] [lcwt_av] [ston_av] [lton_av] [stone_av] [pwt_tr] [oz_tr]
    [lb_tr] [sc_ap] [dr_ap] [oz_ap] [lb_ap] [oz_m] [lne] [pnt] [pca] [pnt_pr] [pca_pr] [pied] [pouce] [ligne]
    [didot] [cicero] [degF] [degR] [degRe] [Cal] [Btu_39] [Btu_59] [Btu_60] [Btu_m] [Btu_IT] [Btu_th] [Btu] [HP]
    [den] [in_i'H2O] [in_i'Hg] [PRU] [wood'U] [diop] [p'diop] %[slope] [mesh_i] [Ch] [drp] [hnsf'U] [MET]
    [hp'_X] [hp'_C] [hp'_M] [hp'_Q] [hp_X] [hp_C] [hp_M] [hp_Q] [kp_X] [kp_C] [kp_M] [kp_Q] [pH] [S] [HPF] [LPF]
    [arb'U] [USP'U] [GPL'U] [MPL'U] [APL'U] [beth'U] [anti'Xa'U] [todd'U] [dye'U] [smgy'U] [bdsk'U] [ka'U]
    [knk'U] [mclg'U] [tb'U] [CCID_50] [TCID_50] [EID_50] [PFU] [FFU] [CFU] [IR] [BAU] [AU] [Amb'a'1'U] [PNU]
    [Lf] [D'ag'U] [FEU] [ELU] [EU] Ao b att [psi] circ sph [car_m] [car_Au] [smoot] [m/s2/Hz^(1/2)] bit_s
""".split()  # noqa: SIM905

_UNITS = frozenset(_METRIC + _PLAIN + [prefix + atom for prefix in _PREFIXES for atom in _METRIC])

_RUN = re.compile(r"(?:\[[^\[\]\s]*\]|[^\[\](){}./\s])+")
_WITH_EXPONENT = re.compile(r"(.+?)[+-]?[0-9]+")
_ANNOTATION = re.compile(r"\{[!-z|~]*\}")


@lru_cache(maxsize=1024)
def is_unit(text: str) -> bool:
    """Whether `text` is a valid UCUM expression such as `mg/dL`, `10*3/uL` or `{score}`."""
    if not text or len(text) > MAX_LENGTH:
        return False
    end = _term(text, 0, 0)
    return end == len(text)


def _term(text: str, at: int, nesting: int) -> int:
    """The end of the term that starts at `at`, or -1."""
    if nesting > _MAX_NESTING:
        return -1
    if text.startswith("/", at):
        at += 1
    while True:
        at = _component(text, at, nesting)
        if at < 0 or at == len(text) or text[at] not in "./":
            return at
        at += 1


def _component(text: str, at: int, nesting: int) -> int:
    if text.startswith("(", at):
        end = _term(text, at + 1, nesting + 1)
        return end + 1 if end > 0 and text.startswith(")", end) else -1
    run = _RUN.match(text, at)
    if run:
        if not _is_simple(run[0]):
            return -1
        at = run.end()
    annotation = _ANNOTATION.match(text, at)
    if annotation:
        return annotation.end()
    return at if run else -1


def _is_simple(run: str) -> bool:
    if run.isascii() and run.isdigit():
        return True
    if run in _UNITS:
        return True
    split = _WITH_EXPONENT.fullmatch(run)
    return split is not None and split[1] in _UNITS
