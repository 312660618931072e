using System.Globalization;

namespace Sgl.Inference.Internal.Runtime.Cuda;

/// <summary>A GPU has not enough memory: says what for, needed, free, and what to do.</summary>
internal sealed class DeviceMemoryException(DeviceId device, string purpose, long needed, long free, long total, string? remedy = null) : EngineSettingsException(string.Create(
    CultureInfo.InvariantCulture,
    $"{device} has not enough memory for {purpose}: {Gib(needed)} GiB are needed, {Gib(free)} of {Gib(total)} GiB are free. {remedy ?? Remedy}"))
{
    private const string Remedy = "Place fewer layers there (Engine:Placement), lower Engine:KvBudgetMiB, or use a GPU with more memory; `sgl info --plan FOLDER --gpus NxGIB` tells what fits";

    private static string Gib(long bytes) => (bytes / (double)(1L << 30)).ToString("0.00", CultureInfo.InvariantCulture);
}
