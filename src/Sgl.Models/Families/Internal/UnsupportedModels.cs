namespace Sgl.Models.Internal;

/// <summary>Models that are asked for and cannot be opened, by the word that names them in a <c>config.json</c>, and what to use in their place.</summary>
internal static class UnsupportedModels
{
    public const string Flash = "Flash checkpoints choose 64 or 256 visual tokens for each tile themselves, so no two models share a token layout; "
        + "use the checkpoint without Flash, such as InternVL3_5-8B";

    private const string InternVlMoe = "InternVL3.5's mixtures of experts (20B-A4B, 30B-A3B, 241B-A28B) are not supported; use a dense one: InternVL3.5-1B, 2B, 4B, 8B, 14B or 38B";
    private const string InternLm3 = "InternVL3-9B has an InternLM3 decoder, which is not supported; use InternVL3-8B or 14B";
    private const string Qwen3Moe = "Qwen3-VL's mixtures of experts (30B-A3B, 235B-A22B) are not supported; use a dense one: Qwen3-VL-2B, 4B, 8B or 32B";
    private const string Qwen35 = "Qwen3.5 and 3.6 have linear attention in three of four layers, which importance cannot be read from; use Qwen3-VL-2B, 4B, 8B or 32B";
    private const string Video = "is a model for other inputs than images; use Qwen2.5-VL or Qwen3-VL";

    private static readonly Dictionary<string, string> Hints = new(StringComparer.OrdinalIgnoreCase)
    {
        ["GptOssForCausalLM"] = InternVlMoe,
        ["gpt_oss"] = InternVlMoe,
        ["Qwen3MoeForCausalLM"] = InternVlMoe,
        ["qwen3_moe"] = InternVlMoe,
        ["InternLM3ForCausalLM"] = InternLm3,
        ["internlm3"] = InternLm3,
        ["qwen3_vl_moe"] = Qwen3Moe,
        ["qwen3_5"] = Qwen35,
        ["qwen3_5_moe"] = Qwen35,
        ["qwen3_next"] = Qwen35,
        ["qwen2_5_omni"] = "Qwen2.5-Omni " + Video,
        ["qwen3_omni_moe"] = "Qwen3-Omni " + Video,
    };

    /// <summary>What to use in place of a model; null for words that name none of these.</summary>
    public static string? Hint(string? word) => word is not null && Hints.TryGetValue(word, out var hint) ? hint : null;
}
