namespace Sgl.Inference.Internal.Kv;

/// <summary>The KV memory of each device that stages are on: one budget for the system's, one for each GPU's.</summary>
/// <param name="devices">Devices of the stages.</param>
/// <param name="bytes">Memory of each.</param>
internal sealed class KvBudgets(IEnumerable<DeviceId> devices, Func<DeviceId, long> bytes)
{
    private readonly Dictionary<DeviceId, KvBudget> _budgets = devices.Select(Memory).Distinct().ToDictionary(d => d, d => new KvBudget(bytes(d)));

    /// <summary>Memory of all devices.</summary>
    public long Bytes => _budgets.Values.Sum(b => b.Bytes);

    /// <summary>Of it what slabs take.</summary>
    public long Used => _budgets.Values.Sum(b => b.Used);

    /// <summary>Bytes of slots that belong to a sequence.</summary>
    public long Occupied => _budgets.Values.Sum(b => b.Occupied);

    /// <summary>Devices whose memory is told apart.</summary>
    public IReadOnlyCollection<DeviceId> Devices => _budgets.Keys;

    /// <summary>The budget of a device's memory.</summary>
    public KvBudget Of(DeviceId device) => _budgets[Memory(device)];

    /// <summary>Whose memory a device has: all CPUs share the system's.</summary>
    public static DeviceId Memory(DeviceId device) => device.IsCuda ? device : new DeviceId(device.Kind, 0);
}
