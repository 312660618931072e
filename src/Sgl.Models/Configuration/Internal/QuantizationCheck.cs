namespace Sgl.Models.Internal;

/// <summary>Refuses weights that are stored as something other than float32, float16 or bfloat16, by the name of their method.</summary>
internal static class QuantizationCheck
{
    private const string Key = "quantization_config";

    /// <param name="config">The object that may say so: the top level of <c>config.json</c>, or the decoder's part of it.</param>
    public static void Refuse(ConfigReader config)
    {
        if (config.Has(Key))
        {
            var method = config.OptionalObject(Key)?.TextOrNull("quant_method");
            config.Problem(Key, "unquantized weights (no such key)", method is null ? null : $"quant_method \"{method}\"");
        }
    }
}
