//! Country codes. HR systems write countries in two letters or three; the directory, as SCIM, in two (ISO 3166-1).

/// Three letters, then the two of the same country.
const CODES: &str = "\
    ABWAW AFGAF AGOAO AIAAI ALAAX ALBAL ANDAD AREAE ARGAR ARMAM ASMAS ATAAQ ATFTF ATGAG AUSAU AUTAT AZEAZ BDIBI \
    BELBE BENBJ BESBQ BFABF BGDBD BGRBG BHRBH BHSBS BIHBA BLMBL BLRBY BLZBZ BMUBM BOLBO BRABR BRBBB BRNBN BTNBT \
    BVTBV BWABW CAFCF CANCA CCKCC CHECH CHLCL CHNCN CIVCI CMRCM CODCD COGCG COKCK COLCO COMKM CPVCV CRICR CUBCU \
    CUWCW CXRCX CYMKY CYPCY CZECZ DEUDE DJIDJ DMADM DNKDK DOMDO DZADZ ECUEC EGYEG ERIER ESHEH ESPES ESTEE ETHET \
    FINFI FJIFJ FLKFK FRAFR FROFO FSMFM GABGA GBRGB GEOGE GGYGG GHAGH GIBGI GINGN GLPGP GMBGM GNBGW GNQGQ GRCGR \
    GRDGD GRLGL GTMGT GUFGF GUMGU GUYGY HKGHK HMDHM HNDHN HRVHR HTIHT HUNHU IDNID IMNIM INDIN IOTIO IRLIE IRNIR \
    IRQIQ ISLIS ISRIL ITAIT JAMJM JEYJE JORJO JPNJP KAZKZ KENKE KGZKG KHMKH KIRKI KNAKN KORKR KWTKW LAOLA LBNLB \
    LBRLR LBYLY LCALC LIELI LKALK LSOLS LTULT LUXLU LVALV MACMO MAFMF MARMA MCOMC MDAMD MDGMG MDVMV MEXMX MHLMH \
    MKDMK MLIML MLTMT MMRMM MNEME MNGMN MNPMP MOZMZ MRTMR MSRMS MTQMQ MUSMU MWIMW MYSMY MYTYT NAMNA NCLNC NERNE \
    NFKNF NGANG NICNI NIUNU NLDNL NORNO NPLNP NRUNR NZLNZ OMNOM PAKPK PANPA PCNPN PERPE PHLPH PLWPW PNGPG POLPL \
    PRIPR PRKKP PRTPT PRYPY PSEPS PYFPF QATQA REURE ROURO RUSRU RWARW SAUSA SDNSD SENSN SGPSG SGSGS SHNSH SJMSJ \
    SLBSB SLESL SLVSV SMRSM SOMSO SPMPM SRBRS SSDSS STPST SURSR SVKSK SVNSI SWESE SWZSZ SXMSX SYCSC SYRSY TCATC \
    TCDTD TGOTG THATH TJKTJ TKLTK TKMTM TLSTL TONTO TTOTT TUNTN TURTR TUVTV TWNTW TZATZ UGAUG UKRUA UMIUM URYUY \
    USAUS UZBUZ VATVA VCTVC VENVE VGBVG VIRVI VNMVN VUTVU WLFWF WSMWS YEMYE ZAFZA ZMBZM ZWEZW";

/// A code of two or three letters, in any case, as the two letters in upper case. Other texts are no country.
pub(super) fn alpha_2(code: &str) -> Option<&'static str> {
    let code = code.trim().to_ascii_uppercase();
    match code.as_str() {
        // No codes of the standard, and in use: of Kosovo by agreement, of the United Kingdom reserved for it.
        "XK" | "XKX" => return Some("XK"),
        "UK" => return Some("GB"),
        _ => {}
    }
    CODES
        .split(' ')
        .filter_map(|pair| pair.split_at_checked(3))
        .find_map(|(three, two)| (code == three || code == two).then_some(two))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    #[test]
    fn codes_of_two_and_three_letters_are_the_same_country() {
        for code in ["PRT", "prt", " PT", "pt"] {
            assert_eq!(alpha_2(code), Some("PT"));
        }
        for other in ["", "P", "XX", "PORT", "Portugal", "PT AFG", "T A"] {
            assert_eq!(alpha_2(other), None, "{other}");
        }
    }

    #[test]
    fn every_country_is_there_once() {
        let codes: Vec<&str> = CODES.split(' ').collect();
        assert_eq!(codes.len(), 249);
        assert!(codes.iter().all(|pair| pair.len() == 5 && pair.bytes().all(|b| b.is_ascii_uppercase())));
        assert_eq!(codes.iter().map(|pair| &pair[..3]).collect::<BTreeSet<_>>().len(), 249);
        assert_eq!(codes.iter().map(|pair| &pair[3..]).collect::<BTreeSet<_>>().len(), 249);
    }

    #[test]
    fn remote_and_we_mean_the_same_countries() {
        let recorded: Value = serde_json::from_str(include_str!("../../tests/data/remote/countries.json")).unwrap();
        for country in recorded["data"].as_array().unwrap() {
            assert_eq!(alpha_2(country["code"].as_str().unwrap()), country["alpha_2_code"].as_str());
        }
    }
}
