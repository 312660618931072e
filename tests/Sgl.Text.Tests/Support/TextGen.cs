using CsCheck;

namespace Sgl.Text.Tests.Support;

/// <summary>Random texts with what makes tokenizers stumble.</summary>
internal static class TextGen
{
    private static readonly string[] Bits =
    [
        " ", "  ", "\n", "\r\n", "\t", "the ", "red box", "33", "'s", "'RE", "!!!", "\u00e9", "e\u0301", "\u4f60\u597d", "\U0001F680", "\u200d", "\U00020000",
        "\U0001D400", "\u00a0", "\u0663", "<", ">", "|", "<|im_", "start|>", "<|im_start|>", "<|im_end|>", "<img>", "</img>", "<IMG_", "CONTEXT>",
        "<IMG_CONTEXT>", "<ref>", "</ref>", "<s>", "</s>", "<0x0A>", "<left>", "<right>", "<word>", "<norm\u0151>", "<normo\u030b>", "[UNUSED_TOKEN_3]",
        "<|endoftext|>", "user", "system\n", "a", "b", "Z", "_", "\u0000",
    ];

    /// <summary>Any valid text, added tokens among it.</summary>
    public static Gen<string> Any { get; } = Gen.Frequency(
        (6, Gen.Int[0, Bits.Length - 1].Select(i => Bits[i])),
        (1, Gen.Int[1, 0x10FFFF].Select(c => c is >= 0xD800 and <= 0xDFFF ? "?" : char.ConvertFromUtf32(c)))).Array[0, 14].Select(string.Concat);
}
