using Microsoft.Extensions.Options;

namespace Sgl.Inference;

/// <summary>Checks <see cref="EngineOptions"/> at start: all errors at once, each with the key and a remedy.</summary>
public sealed class EngineOptionsValidator : IValidateOptions<EngineOptions>
{
    /// <inheritdoc/>
    public ValidateOptionsResult Validate(string? name, EngineOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var errors = new List<string>();
        if (string.IsNullOrWhiteSpace(options.Checkpoint))
        {
            errors.Add("Engine:Checkpoint is not set: give the folder of a checkpoint.");
        }
        else if (!Directory.Exists(options.Checkpoint))
        {
            errors.Add($"Engine:Checkpoint '{options.Checkpoint}' is not a folder: give the folder that holds config.json.");
        }

        foreach (var part in options.Placement.Split('*')[0].Split(',', StringSplitOptions.TrimEntries))
        {
            var device = char.IsAsciiDigit(part.FirstOrDefault()) && part.Contains(':', StringComparison.Ordinal) ? part[(part.IndexOf(':', StringComparison.Ordinal) + 1)..] : part;
            if (!DeviceId.TryParse(device, out _))
            {
                errors.Add($"Engine:Placement '{part}' names no device: use cpu, cpu:N or cuda:N, alone or as FIRST-LAST:DEVICE.");
            }
        }

        Check(
            errors,
            Enum.GetNames<WeightPrecision>().Contains(options.Weights, StringComparer.OrdinalIgnoreCase),
            nameof(options.Weights),
            $"must be auto, float32, int8 or int4, was '{options.Weights}'",
            "auto is a good start");
        Check(errors, options.PruneLayers.All(l => l >= 0), "PruneLayers", "must not hold negative layers", "list 0-based layers");
        Check(errors, options.MaxBatch is >= 1 and <= 256, nameof(options.MaxBatch), $"must be 1 to 256, was {options.MaxBatch}", "8 is a good start");
        Check(errors, options.MaxQueue >= 1, nameof(options.MaxQueue), $"must be at least 1, was {options.MaxQueue}", "64 is a good start");
        Check(errors, options.PrefillChunk >= 0, nameof(options.PrefillChunk), $"must not be negative, was {options.PrefillChunk}", "256 is a good start, 0 runs prompts in one piece");
        Check(errors, options.KvBudgetMiB >= 0, nameof(options.KvBudgetMiB), $"must not be negative, was {options.KvBudgetMiB}", "give the memory in MiB that KV caches may take, or 0 for what is free of each GPU");
        Check(errors, options.MaxPromptTokens >= 0, nameof(options.MaxPromptTokens), $"must not be negative, was {options.MaxPromptTokens}", "0 takes the checkpoint's limit");
        Check(errors, options.MaxNewTokens >= 1, nameof(options.MaxNewTokens), $"must be at least 1, was {options.MaxNewTokens}", "1024 is a good start");
        Check(errors, options.MaxImages >= 1, nameof(options.MaxImages), $"must be at least 1, was {options.MaxImages}", "16 is a good start");
        Check(errors, options.VisionBatch >= 1, nameof(options.VisionBatch), $"must be at least 1, was {options.VisionBatch}", "4 is a good start");
        Check(errors, options.VisionCacheMiB >= 0, nameof(options.VisionCacheMiB), $"must not be negative, was {options.VisionCacheMiB}", "0 turns the cache off");
        Check(errors, options.PrefixCacheMiB >= 0, nameof(options.PrefixCacheMiB), $"must not be negative, was {options.PrefixCacheMiB}", "0 turns the cache off");
        Check(errors, options.Threads is >= 0 and <= 1024, nameof(options.Threads), $"must be 0 to 1024, was {options.Threads}", "0 takes one per core");
        Check(errors, options.ProfileFolder.Length == 0 || Directory.Exists(options.ProfileFolder), nameof(options.ProfileFolder), $"'{options.ProfileFolder}' is not a folder", "make it, or leave the setting out");
        Check(
            errors,
            options.Cuda.ComputeType.ToLowerInvariant() is "auto" or "bfloat16" or "float16",
            "Cuda:ComputeType",
            $"must be auto, bfloat16 or float16, was '{options.Cuda.ComputeType}'",
            "auto takes what the checkpoint names");
        Check(errors, options.Cuda.SdpaKernel is >= 0 and <= 31, "Cuda:SdpaKernel", $"must be 0 to 31, was {options.Cuda.SdpaKernel}", "3 takes flash and memory-efficient attention");
        Check(errors, !(options.Cuda.Graphs && options.Importance), "Cuda:Graphs", "excludes Engine:Importance, since steps that read attention cannot be captured", "set one of them to false");
        Check(
            errors,
            options.Cuda.DisabledOptimizers.All(c => char.IsAsciiLetterOrDigit(c) || c is ';' or '_'),
            "Cuda:DisabledOptimizers",
            $"must be names with semicolons between them, was '{options.Cuda.DisabledOptimizers}'",
            "see ONNX Runtime's documentation for their names");
        return errors.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(errors);
    }

    private static void Check(List<string> errors, bool valid, string key, string problem, string remedy)
    {
        if (!valid)
        {
            errors.Add($"Engine:{key} {problem}: {remedy}.");
        }
    }
}
