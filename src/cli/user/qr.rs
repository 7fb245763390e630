use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

/// Draws a text as a QR code of half blocks, indented. Empty if the text is too long for one.
pub fn draw(text: &str) -> String {
    let Ok(code) = QrCode::new(text.as_bytes()) else { return String::new() };
    // The light modules are drawn: right on a dark terminal, inverted on a light one, which readers take as well.
    let picture = code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
    picture.lines().map(|line| format!("  {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_a_square_of_half_blocks() {
        let picture = draw("https://example.org/t/identity?id=a0-a1/0c.00.a3.4d");
        let widths: Vec<usize> = picture.lines().map(|line| line.chars().count()).collect();
        assert!(widths.iter().all(|width| width == &widths[0]));
        assert_eq!((widths[0] - 2).div_ceil(2), widths.len());
        assert_eq!(draw(&"x".repeat(5000)), "");
    }
}
